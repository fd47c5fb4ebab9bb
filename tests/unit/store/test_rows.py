"""Rows: identity from content, and the fence that no flawed text gets through."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.reviews import Review
from tasks.store.rows import Seed, Written
from tests.support.rows import review, seed, written

FLAWS = st.sampled_from(["wrong", "misleading", "badly put", "incomplete"])
SCORES = st.floats(0, 10)


def test_the_id_is_made_from_the_content_and_not_from_the_place_in_a_file() -> None:
    assert seed("Say yes.").id == seed("Say yes.").id
    assert seed("Say yes.").id != seed("Say no.").id
    assert Seed(instruction="a", response="b", source="x:1").id == Seed(instruction="a", response="b", source="y:2").id


def test_the_parents_are_part_of_the_identity() -> None:
    one = written(seed(), "The Nile.")
    other = Written.model_validate(one.model_dump() | {"id": "", "parents": ("seed-0",)})
    assert one.id != other.id


def test_an_altered_row_is_refused() -> None:
    row = seed().model_dump() | {"response": "The Nile."}
    with pytest.raises(ValidationError, match="altered after it was written"):
        Seed.model_validate(row)


def test_rows_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        seed().response = "x"


def test_a_review_without_a_number_is_not_scored() -> None:
    values = review(seed(), 5.0).model_dump() | {"id": "", "score": None}
    with pytest.raises(ValidationError, match="outcome 'scored' with score None"):
        Review.model_validate(values)


@given(flaw=FLAWS, score=SCORES)
def test_a_flawed_text_never_becomes_an_sft_row_whatever_its_score(flaw: str, score: float) -> None:
    row = written(seed(), "The Nile, in Europe.", branch="high", flaw=flaw)
    with pytest.raises(ValueError, match="can never be an SFT row"):
        SftRow.of(row, review(row, score))


@given(flaw=FLAWS, score=SCORES, other=SCORES)
def test_a_flawed_text_is_never_chosen_whatever_its_score(flaw: str, score: float, other: float) -> None:
    origin = seed()
    best = written(origin, "The Nile, in Europe.", branch="high", flaw=flaw)
    worst = written(origin, "The Amazon, in Europe.", branch="high", flaw=flaw)
    with pytest.raises(ValueError, match="can never be chosen"):
        PreferencePair.of(best, review(best, score), worst, review(worst, other))


ORIGIN = seed()
FLAWED = written(ORIGIN, "The Nile, in Europe.", branch="high", flaw="wrong")
SAID: dict[str, Any] = {"instruction": FLAWED.instruction, "response": FLAWED.response, "parents": (FLAWED.id,)}


@pytest.mark.parametrize(
    "make",
    [
        lambda: SftRow(**SAID, score=9, seed=ORIGIN.id, iteration=1),
        lambda: SftRow.model_validate(SAID | {"score": 9, "seed": ORIGIN.id, "iteration": 1}),
        lambda: TrainRow(**SAID, origin="written"),
        lambda: PreferencePair(
            instruction=FLAWED.instruction,
            chosen=FLAWED.response,
            rejected="None.",
            chosen_score=9,
            rejected_score=1,
            seed=ORIGIN.id,
        ),
        lambda: Seed(**SAID),
        lambda: Seed(**SAID, origin="written"),
        lambda: Seed(instruction="Name one.", response=FLAWED.response, origin="written"),
    ],
)
def test_nothing_to_train_on_is_made_of_bare_text(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match=r"of bare text|a seed is given, without parents, or written and kept"):
        make()


def test_what_was_made_properly_is_read_again_and_not_altered() -> None:
    row = written(ORIGIN, "The Loire, the Po and the Ebro.")
    kept = SftRow.of(row, review(row, 8.0))
    for made in (kept, kept.as_seed(), TrainRow.of(kept), TrainRow.of_review("s", "i", "r", ())):
        assert type(made).model_validate(made.model_dump()) == made
    with pytest.raises(ValidationError, match="altered after it was written"):
        SftRow.model_validate(kept.model_dump() | {"response": FLAWED.response})


def test_a_pair_needs_two_texts() -> None:
    origin = seed()
    copy = written(origin, origin.response + " ", branch="high", flaw="wrong")
    with pytest.raises(ValidationError, match="two different texts"):
        PreferencePair.of(origin, review(origin, 9), copy, review(copy, 1))


def test_a_seed_of_the_next_iteration_leads_back_to_its_first() -> None:
    origin = seed()
    row = written(origin, "The Loire, the Po and the Ebro.")
    kept = SftRow.of(row, review(row, 8.0))
    grown = kept.as_seed()
    assert (grown.origin, grown.iteration, grown.parents, kept.parents[0], row.parents) == (
        "written",
        1,
        (kept.id,),
        row.id,
        (origin.id,),
    )
