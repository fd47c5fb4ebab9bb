"""The champion: from the ledger alone, old or new and never half, and a person can set it back."""

from pathlib import Path

import pytest

from tasks.evolution.champion import Champion, history, roll_back, write
from tasks.evolution.ledger import Ledger
from tasks.recipe.evaluation import GateConfig
from tests.unit.evolution.test_ledger import BASE, ONE, THREE, TWO, iteration, ledger, ref

PAPER = GateConfig(policy="paper")


def numbers(found: Ledger) -> list[tuple[int, str]]:
    return [(step.iteration, step.by) for step in history(found)]


def test_the_champion_is_the_last_that_was_promoted() -> None:
    assert numbers(ledger()) == [(0, "start")]
    assert numbers(ledger(ONE, TWO, THREE)) == [(0, "start"), (1, "gate"), (2, "gate")]
    assert history(ledger(ONE, TWO, THREE))[-1].reasons == ("because",)


def test_an_evolution_without_a_model_has_none() -> None:
    with pytest.raises(ValueError, match="'mine' has no champion"):
        history(Ledger(name="mine", model="tiny"))


def test_set_back_it_is_the_one_before_or_the_one_that_was_named() -> None:
    found = roll_back(ledger(ONE, TWO, THREE), None, "it swears")
    assert found.champion == ref("one")
    assert numbers(found)[-1] == (1, "person")
    assert history(found)[-1].reasons == ("it swears",)
    assert roll_back(ledger(ONE, TWO), 0, "all of it").champion == BASE


@pytest.mark.parametrize(
    ("of", "to", "message"),
    [
        (ledger(ONE, TWO), 2, "iteration 2's model is the champion of 'mine' already"),
        (ledger(ONE, TWO), 3, "has had no champion of iteration 3; it has had those of: 0, 1, 2"),
        (ledger(), None, "has had no other champion than this one"),
    ],
)
def test_it_cannot_be_set_back_to_what_it_was_not(of: Ledger, to: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        roll_back(of, to, "because")


def test_the_next_iteration_goes_on_from_where_it_was_set_back_to_and_without_those_rows() -> None:
    found = roll_back(ledger(ONE, TWO), 1, "it swears")
    assert found.start_of(3, GateConfig()) == ref("one")
    assert (found.taken_back(2), found.taken_back(1)) == ({2}, set())
    third = iteration(3, before=ref("one"), after=ref("three"))
    assert found.put(third).champion == ref("three")
    assert numbers(found.put(third)) == [(0, "start"), (1, "gate"), (2, "gate"), (1, "person"), (3, "gate")]


def test_an_earlier_iteration_that_is_made_again_takes_what_was_set_back_behind_it_along() -> None:
    found = roll_back(ledger(ONE, TWO), 1, "it swears").put(iteration(1, after=ref("other"), made="y"))
    assert (found.rollbacks, found.champion) == ([], ref("other"))
    kept = roll_back(ledger(ONE), 0, "it swears").put(iteration(2, after=ref("two")))
    assert len(kept.rollbacks) == 1


def test_as_published_the_newest_goes_on_and_the_best_is_the_champion() -> None:
    worse = iteration(2, before=ref("one")).model_copy(update={"candidate": ref("worse")})
    found = ledger(ONE, worse)
    assert found.champion == ref("one")
    assert found.start_of(3, PAPER) == ref("worse")
    assert found.start_of(3, GateConfig()) == ref("one")
    assert found.start_of(3, PAPER.model_copy(update={"patience": 1, "then": "peak"})) == ref("one")
    assert ledger().start_of(1, PAPER) == BASE
    assert roll_back(found, 0, "because").start_of(3, PAPER) == BASE


def test_iterations_in_a_row_without_a_promotion_are_counted() -> None:
    found = ledger(ONE, iteration(2, before=ref("one")), iteration(3, before=ref("one")))
    assert [found.without_promotion(number) for number in range(4)] == [0, 0, 1, 2]
    assert roll_back(found, 0, "because").without_promotion(3) == 0


def test_the_file_says_what_the_ledger_says(tmp_path: Path) -> None:
    file = tmp_path / "champion.json"
    found = write(file, tmp_path / "store", ledger(ONE, TWO))
    assert Champion.model_validate_json(file.read_text()) == found
    assert (found.now.iteration, found.path) == (2, str(tmp_path / "store" / "dpo" / "f-two"))
    stood = file.stat().st_mtime_ns
    write(file, tmp_path / "store", ledger(ONE, TWO))
    assert file.stat().st_mtime_ns == stood, "it is written only where it changes"
