"""Exactly so many rows: the best of them, and when writing goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.recipe.data import Branch, TargetConfig, WriteConfig
from tasks.recipe.recipe import Recipe
from tasks.store.examples import SftRow
from tasks.write.target import best, cost_of_a_seed, left_over, seeds_of_a_round, still_wanted
from tests.support.rows import review, seed, written

BOTH: list[Branch] = ["sft", "preference"]
RECIPE = Recipe(
    name="x",
    target=TargetConfig(sft_rows=10, pairs=6, candidates=100),
    write=WriteConfig(
        instructions_per_low_seed=2, answers_per_instruction=2, flawed_per_high_seed=1, ordinary_per_high_seed=1
    ),
)


def examples(*scores: float) -> list[SftRow]:
    rows = [written(seed(), f"answer {n}", draw=n) for n in range(len(scores))]
    return [SftRow.of(row, review(row, score)) for row, score in zip(rows, scores, strict=True)]


@given(st.lists(st.integers(0, 9), max_size=12), st.none() | st.integers(1, 12))
def test_the_best_are_taken_in_their_order_and_none_is_lost(scores: list[int], wanted: int | None) -> None:
    rows = examples(*map(float, scores))
    taken, rest = map(list, best(rows, wanted, [row.score or 0 for row in rows]))
    assert len(taken) == min(len(rows), wanted or len(rows))
    assert sorted(row.id for row in taken + rest) == sorted(row.id for row in rows)
    assert [row for row in rows if row in taken] == taken
    assert not rest or min(row.score or 0 for row in taken) >= max(row.score or 0 for row in rest)


def test_one_too_many_is_a_reject_with_its_text() -> None:
    (row,) = examples(8.0)
    found = left_over(row)
    assert (found.row, found.rule, found.text, found.parents) == (row.id, "beyond target", row.response, (row.id,))


@pytest.mark.parametrize(
    ("sft", "pairs", "candidates", "wanted", "says"),
    [
        (9, 5, 50, BOTH, "50 of 100 candidates so far: sft 9 of 10, preference 5 of 6"),
        (10, 5, 50, ["preference"], "50 of 100 candidates so far"),
        (10, 6, 50, [], "target reached with 50 candidates: sft 10 of 10, preference 6 of 6"),
        (9, 6, 100, [], "the 100 candidates are spent (100 written): sft 9 of 10, preference 6 of 6"),
    ],
)
def test_writing_goes_on_until_the_target_or_the_budget(
    sft: int, pairs: int, candidates: int, wanted: list[Branch], says: str
) -> None:
    found, why = still_wanted({"sft": sft, "preference": pairs}, candidates, BOTH, RECIPE)
    assert found == wanted
    assert why.startswith(says)


def test_a_branch_that_is_off_is_not_waited_for() -> None:
    assert still_wanted({"sft": 10, "preference": 0}, 50, ["sft"], RECIPE)[0] == []


def test_what_is_left_for_less_than_a_seed_is_spent() -> None:
    """A low seed costs 6 candidates here, a high one 2."""
    assert still_wanted({"sft": 9, "preference": 5}, 95, BOTH, RECIPE)[0] == ["preference"]
    assert still_wanted({"sft": 9, "preference": 5}, 99, BOTH, RECIPE)[0] == []


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 94), st.sampled_from([BOTH, ["sft"], ["preference"]]))
def test_a_round_never_writes_more_than_is_left_and_never_nothing(
    low: int, high: int, candidates: int, branches: list[Branch]
) -> None:
    found, costs = seeds_of_a_round(low, high, candidates, branches, RECIPE), cost_of_a_seed(RECIPE)
    written = sum(costs[b] * n for b, n in zip(BOTH, found, strict=True) if b in branches)
    assert 0 < written <= 100 - candidates
    assert found[0] <= low and found[1] <= high
    assert seeds_of_a_round(low, high, candidates, branches, Recipe(name="x")) == (low, high)


def test_without_a_target_there_is_one_round() -> None:
    assert still_wanted({"sft": 0, "preference": 0}, 0, BOTH, Recipe(name="x")) == ([], "")
    with pytest.raises(ValueError, match="a target needs `candidates`"):
        TargetConfig(sft_rows=3)


def test_a_recipe_without_branches_trains_on_the_seeds() -> None:
    with pytest.raises(ValueError, match=r"set mix\.human_share to 1"):
        Recipe.model_validate({"name": "x", "branches": []})
    assert Recipe.model_validate({"name": "x", "branches": [], "mix": {"human_share": 1}}).branches == ()
