"""Annotate: which written rows become SFT examples, and which responses become preference pairs.

SFT keeps low-branch rows above a score. A high seed's pool is its original response and the flawed ones: rejected is
the lowest-scored, chosen the original if it is more than the margin above it. In the published scripts every response
above the margin is chosen, a flawed one too; here a flawed text can only ever be rejected (tasks.records enforces it).
"""

from collections.abc import Mapping, Sequence

from tasks.config import AnnotateConfig
from tasks.records import PreferencePair, Rejected, Review, Seed, SftRow, Written
from tasks.text import words

VERSION = 1


class Scored:
    """Reviews by item, for the items that have a score."""

    def __init__(self, reviews: Sequence[Review]):
        self._reviews: Mapping[str, Review] = {r.item: r for r in reviews if r.score is not None}

    def __contains__(self, row: Seed | Written) -> bool:
        return row.id in self._reviews

    def review(self, row: Seed | Written) -> Review:
        return self._reviews[row.id]

    def score(self, row: Seed | Written) -> float:
        score = self._reviews[row.id].score
        assert score is not None
        return score


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
        _rejected(row, "score", f"{scored.score(row):.2f}, expected above {threshold:.2f}")
        for row in low
        if scored.score(row) <= threshold
    ]
    return kept, rejects, threshold


def pairs(
    high: Sequence[Seed], written: Sequence[Written], scored: Scored, config: AnnotateConfig
) -> tuple[list[PreferencePair], list[Rejected], float]:
    """The pairs, the lowest responses whose margin is too small, and the margin that the threshold came to."""
    lowest: dict[str, Written] = {}
    for row in written:
        if row.branch == "high" and row in scored:
            lowest[row.seed] = min(row, lowest.get(row.seed, row), key=scored.score)
    candidates = [(seed, lowest[seed.id]) for seed in high if seed.id in lowest]
    if not candidates:
        return [], [], float("nan")
    margins = [scored.score(seed) - scored.score(worst) for seed, worst in candidates]
    # Never below zero, whatever a quantile says: the original would lose its own pair.
    threshold = max(config.margin.value(margins), 0.0)
    kept, rejects = [], []
    for (seed, worst), margin in zip(candidates, margins, strict=True):
        if margin > threshold:
            kept.append(PreferencePair.of(seed, scored.review(seed), worst, scored.review(worst)))
        else:
            rejects.append(
                _rejected(worst, "margin", f"{margin:.2f} below the original, expected above {threshold:.2f}")
            )
    return kept, rejects, threshold


def unmeasured(written: Sequence[Written], held_out: Sequence[Seed]) -> tuple[list[Written], list[Rejected]]:
    """The rows that may train, and those whose instruction is one that models are measured on."""
    measured = {" ".join(words(seed.instruction)): seed.source for seed in held_out}
    kept: list[Written] = []
    rejects: list[Rejected] = []
    for row in written:
        source = measured.get(" ".join(words(row.instruction)))
        if source is None:
            kept.append(row)
        else:
            rejects.append(
                _rejected(row, "held out", f"its instruction is that of {source}, which is only measured on")
            )
    return kept, rejects


def shortage(
    sft: Sequence[SftRow], preferences: Sequence[PreferencePair], sft_at: float, margin_at: float
) -> list[str]:
    """Why there is nothing to train on, and what to change; empty if there are rows of both kinds."""
    problems = []
    if not sft and sft_at != sft_at:
        problems.append("no SFT row: cleaning left no answer with a score; see the rejects of `clean [answers]`")
    elif not sft:
        problems.append(
            f"no SFT row: no answer scores above annotate.sft_keep ({sft_at:.2f}); lower it or use a quantile"
        )
    if not preferences and margin_at != margin_at:
        problems.append("no pair: cleaning left no flawed response with a score; see the rejects of `clean [flawed]`")
    elif not preferences:
        problems.append(
            f"no pair: no original lies more than annotate.margin ({margin_at:.2f}) above its flawed responses; "
            "lower it or use a quantile"
        )
    return problems


def _rejected(row: Written, rule: str, detail: str) -> Rejected:
    return Rejected(row=row.id, rule=rule, detail=detail, text=row.response, parents=(row.id,))
