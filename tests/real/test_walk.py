"""An evolution that is walked through again: which seeds an iteration has, and who keeps what was vetoed."""

import logging
from pathlib import Path

import pytest

from flows import evolve
from tasks.evolution.ledger import Ledger
from tasks.recipe.recipe import Recipe
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.rows import Seed
from tasks.store.vetoes import Veto
from tests.unit.evolution.test_ledger import ONE, TWO, ledger

RECIPE = Recipe(name="mine")


@pytest.fixture(autouse=True)
def _logger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evolve, "get_run_logger", lambda: logging.getLogger("walk"))


def taken_in(store: Store, *instructions: str) -> Ref:
    with store.draft(spec := Spec(stage="seeds", version=1, inputs={"of": " ".join(instructions)})) as draft:
        for table, texts in (("rows", instructions), ("held_out", ()), ("anchors", ())):
            draft.table(table, [Seed(instruction=text, response="So it is.") for text in texts])
    found = store.find(spec)
    assert found
    return found


def made_with(seeds: Ref) -> Ledger:
    return ledger(ONE.model_copy(update={"seeds": seeds, "recipe": RECIPE.model_dump(mode="json")}))


@pytest.mark.parametrize(
    ("now", "kept", "said"),
    [
        (("One?", "Two?", "Three?"), True, "seeds were added since iteration 1"),
        (("One?", "Other?"), False, "seeds were changed or taken out since iteration 1"),
        (("Two?", "One?"), True, "seeds were added"),
        (("One?", "Two?"), True, ""),
    ],
)
def test_an_iteration_keeps_its_seeds_where_none_was_changed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, now: tuple[str, ...], kept: bool, said: str
) -> None:
    store = Store(tmp_path)
    then, later = taken_in(store, "One?", "Two?"), taken_in(store, *now)
    with caplog.at_level(logging.INFO):
        found = evolve._seeds_of(made_with(then), 1, RECIPE, store, later)
    assert found == (then if kept else later)
    assert said in caplog.text and bool(said) == bool(caplog.text)
    assert evolve._seeds_of(made_with(then), 1, RECIPE, store, later, walked_again=False) == then
    assert evolve._seeds_of(made_with(then), 2, RECIPE, store, later) == later


def test_it_is_said_which_iterations_keep_what_was_vetoed(caplog: pytest.LogCaptureFixture) -> None:
    vetoed = [Veto(row="sft-1", why="no", iteration=3, at="now")]
    evolve._say_who_keeps_what_was_vetoed(ledger(ONE, TWO), 1, vetoed)
    assert "vetoed since iteration 2 was made; --iterations 2 makes anew" in caplog.text
    caplog.clear()
    for last, rows in ((2, vetoed), (1, [])):
        evolve._say_who_keeps_what_was_vetoed(ledger(ONE, TWO), last, rows)
    assert not caplog.text
