"""Split: seeds strictly above V are high, the rest low; a seed without a score is neither."""

from collections.abc import Sequence

from tasks.recipe.data import Branch, SplitConfig
from tasks.store.reviews import Review, Scored
from tasks.store.rows import Seed
from tasks.store.tables import column, where

VERSION = 1


def split(
    seeds: Sequence[Seed], reviews: Sequence[Review], config: SplitConfig
) -> tuple[Sequence[Seed], Sequence[Seed], float]:
    """Low seeds, high seeds, and the score that V came to (nan if nothing was scored)."""
    scores = Scored(reviews).scores
    if not scores:
        return [], [], float("nan")
    v = config.threshold.value(list(scores.values()))
    found = [scores.get(seed) for seed in column(seeds, "id")]
    low = where(seeds, [score is not None and score <= v for score in found])
    return low, where(seeds, [score is not None and score > v for score in found]), v


def shortage(low: Sequence[Seed], high: Sequence[Seed], v: float, branches: Sequence[Branch]) -> list[str]:
    """Why a branch has nothing to continue with, and what to change; empty if all have seeds."""
    scored = len(low) + len(high)
    if not scored:
        return ["no seed has a score: every review was unparsed; see `lance show NAME --rows 'review [seeds]'`"]
    problems = []
    if not low and "sft" in branches:
        problems.append(
            f"no low seed: all {scored} scores lie above split.threshold ({v:.2f}); raise it or use a quantile"
        )
    if not high and "preference" in branches:
        problems.append(
            f"no high seed: none of {scored} scores lies above split.threshold ({v:.2f}); lower it or use a quantile"
        )
    return problems
