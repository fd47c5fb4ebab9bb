"""Split: strictly above V is high, the rest low, and what has no score is neither."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.annotate.split import shortage, split
from tasks.recipe.data import Branch, SplitConfig
from tasks.recipe.values import Threshold
from tasks.store.reviews import Review
from tasks.store.rows import Seed
from tests.support.rows import review, seed

BOTH: list[Branch] = ["sft", "preference"]


def scored(*scores: float | None) -> tuple[list[Seed], list[Review]]:
    seeds = [seed(f"Say {n}.") for n in range(len(scores))]
    return seeds, [review(row, score) for row, score in zip(seeds, scores, strict=True)]


def test_a_seed_at_the_threshold_is_low() -> None:
    seeds, reviews = scored(7.0, 7.1, 6.9)
    low, high, v = split(seeds, reviews, SplitConfig(threshold=Threshold(score=7)))
    assert (low, high, v) == ([seeds[0], seeds[2]], [seeds[1]], 7)


def test_a_quantile_is_of_the_scores_alone() -> None:
    seeds, reviews = scored(None, 1, 2, 9, None)
    low, high, v = split(seeds, reviews, SplitConfig(threshold=Threshold(quantile=0.5)))
    assert (low, high, v) == ([seeds[1], seeds[2]], [seeds[3]], 2)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 10) | st.none(), max_size=12), st.floats(0, 10))
def test_every_scored_seed_is_on_one_side_in_order(scores: list[float | None], at: float) -> None:
    seeds, reviews = scored(*scores)
    low, high, _ = split(seeds, reviews, SplitConfig(threshold=Threshold(score=at)))
    pairs = list(zip(seeds, scores, strict=True))
    assert low == [row for row, score in pairs if score is not None and score <= at]
    assert high == [row for row, score in pairs if score is not None and score > at]


def test_a_seed_without_a_review_is_on_no_side() -> None:
    seeds, reviews = scored(1, 9)
    assert split(seeds, reviews[:1], SplitConfig())[:2] == ([seeds[0]], [])


def test_nothing_scored_is_a_shortage_and_no_threshold() -> None:
    seeds, reviews = scored(None, None)
    low, high, v = split(seeds, reviews, SplitConfig(threshold=Threshold(quantile=0.5)))
    assert (low, high, math.isnan(v)) == ([], [], True)
    (problem,) = shortage(low, high, v, BOTH)
    assert "no seed has a score" in problem
    assert "nan" not in problem


@pytest.mark.parametrize(
    ("scores", "parts"),
    [
        ((1, 2), ["no high seed", "2 scores", "split.threshold (7.00)", "lower it"]),
        ((8, 9), ["no low seed", "2 scores", "split.threshold (7.00)", "raise it"]),
    ],
)
def test_a_shortage_names_the_threshold_its_value_and_what_to_change(
    scores: tuple[float, ...], parts: list[str]
) -> None:
    found = split(*scored(*scores), SplitConfig(threshold=Threshold(score=7)))
    (problem,) = shortage(*found, BOTH)
    assert [part for part in parts if part not in problem] == [], problem


def test_two_sides_are_no_shortage() -> None:
    assert shortage(*split(*scored(1, 9), SplitConfig()), BOTH) == []


def test_a_branch_that_is_not_wanted_lacks_nothing() -> None:
    all_high, all_low = (split(*scored(*scores), SplitConfig()) for scores in ((8, 9), (1, 2)))
    assert shortage(*all_high, ["preference"]) == shortage(*all_low, ["sft"]) == []
    assert len(shortage(*all_high, ["sft"])) == len(shortage(*all_low, ["preference"])) == 1
