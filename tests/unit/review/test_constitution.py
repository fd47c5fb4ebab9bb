"""The constitution: ten principles, additive, and other weights without other texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.review.constitution import load

ALL = {principle.id: 1.0 for principle in load().principles}


def test_it_has_five_principles_of_each_and_says_them_all_in_the_prompt() -> None:
    constitution = load()
    assert [p.of for p in constitution.principles] == ["instruction"] * 5 + ["response"] * 5
    assert all(constitution.prompt().count(p.text) == 1 for p in constitution.principles)


def test_scores_add_up() -> None:
    assert load().score(ALL) == 10
    assert load().score(dict.fromkeys(ALL, 0.0)) == 0
    assert load().score(ALL | {"correct": 0.0, "expert": 0.5}) == pytest.approx(8.5)
    assert load().score({"correct": 1.0, "expert": 0.0}) == 5, "what cannot be judged does not count"


@given(st.dictionaries(st.sampled_from(sorted(ALL)), st.floats(0, 1), min_size=1), st.floats(0.1, 5))
def test_a_score_lies_between_0_and_10_and_grows_with_each_principle(holds: dict[str, float], weight: float) -> None:
    constitution = load().weighted({"correct": weight})
    assert -1e-9 <= constitution.score(holds) <= 10 + 1e-9
    better = {name: min(1.0, value + 0.1) for name, value in holds.items()}
    assert constitution.score(better) >= constitution.score(holds) - 1e-9


def test_weights_change_the_score_and_not_the_prompt() -> None:
    heavier = load().weighted({"correct": 6.0})
    assert heavier.score(ALL | {"correct": 0.0}) == pytest.approx(10 * 9 / 15)
    assert heavier.prompt() == load().prompt()
    with pytest.raises(ValueError, match=r"review\.weights: no principle honest; there are: clear, complete, "):
        load().weighted({"honest": 1.0})
    with pytest.raises(ValueError, match="have no weight"):
        load().weighted({"correct": 0.0}).score({"correct": 1.0})
