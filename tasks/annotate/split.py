"""Split: seeds strictly above V are high, the rest low; a seed without a score is neither."""

from collections.abc import Sequence

from tasks.recipe.data import Branch, SplitConfig
from tasks.store.reviews import Review
from tasks.store.rows import Seed

VERSION = 1


def split(
    seeds: Sequence[Seed], reviews: Sequence[Review], config: SplitConfig
) -> tuple[list[Seed], list[Seed], float]:
    """Low seeds, high seeds, and the score that V came to (nan if nothing was scored)."""
    scores = {review.item: review.score for review in reviews if review.score is not None}
    if not scores:
        return [], [], float("nan")
    v = config.threshold.value(list(scores.values()))
    low = [seed for seed in seeds if seed.id in scores and scores[seed.id] <= v]
    high = [seed for seed in seeds if seed.id in scores and scores[seed.id] > v]
    return low, high, v


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
