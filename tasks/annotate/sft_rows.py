"""Annotate: which written rows become SFT examples, and what is missing to train on.

SFT keeps low-branch rows above a score.
"""

from collections.abc import Sequence

from tasks.recipe.data import AnnotateConfig, Branch
from tasks.store.examples import PreferencePair, SftRow
from tasks.store.reviews import Scored
from tasks.store.rows import Rejected, Seed, Written
from tasks.store.tables import Rows, column, where

VERSION = 3  # 2: what is only measured on is left out before; 3: what a vetoed row was made from stays known


def sft_rows(
    written: Sequence[Written], scored: Scored, config: AnnotateConfig
) -> tuple[Rows[SftRow], Rows[Rejected], float]:
    """The examples, the rows below the threshold, and the score that the threshold came to."""
    sides = zip(column(written, "id"), column(written, "branch"), strict=True)
    low = where(written, [branch == "low" and row in scored.scores for row, branch in sides])
    if not low:
        return Rows.of(SftRow, []), Rows.of(Rejected, []), float("nan")
    scores = [scored.scores[row] for row in column(low, "id")]
    threshold = config.sft_keep.value(scores)
    above, below = (where(low, [(score > threshold) == kept for score in scores]) for kept in (True, False))
    expected = f"expected above {threshold:.2f}"
    rejects = (Rejected.of(row, "score", f"{scored.score(row):.2f}, {expected}") for row in below)
    kept = Rows.of(SftRow, (SftRow.of(row, scored.review(row)) for row in above))
    return kept, Rows.of(Rejected, rejects), threshold


def on_their_branch(
    written: Sequence[Written], low: Sequence[Seed], high: Sequence[Seed]
) -> tuple[Sequence[Written], list[Rejected]]:
    """The rows whose seed still is where it was when they were written, and those whose seed other scores moved."""
    sides = {"low": set(column(low, "id")), "high": set(column(high, "id"))}
    stays = [
        seed in sides[branch] for seed, branch in zip(column(written, "seed"), column(written, "branch"), strict=True)
    ]
    moved = where(written, [not there for there in stays])
    return where(written, stays), [Rejected.of(row, "branch", f"its seed is no longer {row.branch}") for row in moved]


def shortage(
    sft: Sequence[SftRow],
    preferences: Sequence[PreferencePair],
    sft_at: float,
    margin_at: float,
    branches: Sequence[Branch],
) -> list[str]:
    """Why a branch has nothing to train on, and what to change; empty if all have rows."""
    problems = []
    if sft or "sft" not in branches:
        pass
    elif sft_at != sft_at:
        problems.append("no SFT row: cleaning left no answer with a score; see the rejects of `clean [answers]`")
    else:
        problems.append(
            f"no SFT row: no answer scores above annotate.sft_keep ({sft_at:.2f}); lower it or use a quantile"
        )
    if preferences or "preference" not in branches:
        pass
    elif margin_at != margin_at:
        problems.append("no pair: cleaning left no flawed response with a score; see the rejects of `clean [flawed]`")
    else:
        problems.append(
            f"no pair: no original lies more than annotate.margin ({margin_at:.2f}) above its flawed responses; "
            "lower it or use a quantile"
        )
    return problems
