"""Annotate: which written rows become SFT examples, and what is missing to train on.

SFT keeps low-branch rows above a score.
"""

from collections.abc import Sequence

from tasks.recipe.data import AnnotateConfig, Branch
from tasks.store.examples import PreferencePair, SftRow
from tasks.store.reviews import Scored
from tasks.store.rows import Rejected, Seed, Written

VERSION = 3  # 2: what is only measured on is left out before; 3: what a vetoed row was made from stays known


def sft_rows(
    written: Sequence[Written], scored: Scored, config: AnnotateConfig
) -> tuple[list[SftRow], list[Rejected], float]:
    """The examples, the rows below the threshold, and the score that the threshold came to."""
    low = [row for row in written if row.branch == "low" and row in scored]
    if not low:
        return [], [], float("nan")
    threshold = config.sft_keep.value([scored.score(row) for row in low])
    kept = [SftRow.of(row, scored.review(row)) for row in low if scored.score(row) > threshold]
    rejects = [
        Rejected.of(row, "score", f"{scored.score(row):.2f}, expected above {threshold:.2f}")
        for row in low
        if scored.score(row) <= threshold
    ]
    return kept, rejects, threshold


def on_their_branch(
    written: Sequence[Written], low: Sequence[Seed], high: Sequence[Seed]
) -> tuple[list[Written], list[Rejected]]:
    """The rows whose seed still is where it was when they were written, and those whose seed other scores moved."""
    sides = {"low": {seed.id for seed in low}, "high": {seed.id for seed in high}}
    kept: list[Written] = []
    moved: list[Rejected] = []
    for row in written:
        if row.seed in sides[row.branch]:
            kept.append(row)
        else:
            moved.append(Rejected.of(row, "branch", f"its seed is no longer {row.branch}"))
    return kept, moved


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
