"""Review: a number only where the model spoke in labels."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import review
from tasks.calls import LABELS, Call
from tasks.config import ReviewConfig
from tasks.records import Review, Seed, Written
from tests import rows
from tests.rows import MODEL, answer, seed, written

CALL = Call(kind="score", row="x", messages=())
ITEM = seed()


def read(*probabilities: float, config: ReviewConfig | None = None) -> Review:
    """The review that an engine's label probabilities make."""
    log_probs = tuple(math.log(p) if p else -math.inf for p in probabilities)
    return review.read(ITEM, answer(CALL, log_probs=log_probs), MODEL, config or ReviewConfig())


def only(label: int, mass: float = 1.0) -> tuple[float, ...]:
    return tuple(mass * (i == label) for i in range(10))


@pytest.mark.parametrize(
    ("probabilities", "score"),
    [
        (only(0), 0),
        (only(9), 10),
        (only(9, mass=0.6), 10),  # the expectation is under the labels: what else was likely does not lower it
        ((0.1,) * 10, 5),
        ((0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0.5), 5),
        ((0, 0, 0, 0.75, 0, 0, 0, 0.25, 0, 0), 4 * 10 / 9),
    ],
)
def test_the_score_is_the_expected_digit_in_tenths_of_nine(probabilities: tuple[float, ...], score: float) -> None:
    found = read(*probabilities)
    assert found.outcome == "scored"
    assert found.score == pytest.approx(score)
    assert found.label_mass == pytest.approx(sum(probabilities))
    assert found.probabilities == pytest.approx(probabilities)
    assert (found.item, found.reviewer, found.parents) == (ITEM.id, MODEL, (ITEM.id,))


@given(st.lists(st.floats(0, 1), min_size=10, max_size=10), st.floats(0.01, 1))
def test_there_is_a_number_from_0_to_10_exactly_where_the_labels_have_the_mass(
    weights: list[float], least: float
) -> None:
    total = max(sum(weights), 1.0)
    found = read(*(weight / total for weight in weights), config=ReviewConfig(min_label_mass=least))
    if found.label_mass < least:
        assert (found.outcome, found.score) == ("unparsed", None)
    else:
        assert found.outcome == "scored"
        assert found.score is not None
        assert -1e-9 <= found.score <= 10 + 1e-9


@pytest.mark.parametrize("label", range(10))
def test_too_little_mass_is_unparsed_and_never_a_number(label: int) -> None:
    found = read(*only(label, mass=0.499))
    assert (found.outcome, found.score) == ("unparsed", None)
    assert found.label_mass == pytest.approx(0.499)


def test_as_much_mass_as_asked_for_is_enough() -> None:
    assert read(*only(9), config=ReviewConfig(min_label_mass=1)).outcome == "scored"


def test_no_mass_at_all_is_unparsed_even_where_none_is_asked_for() -> None:
    found = read(*only(0, mass=0), config=ReviewConfig(min_label_mass=0))
    assert (found.outcome, found.score, found.label_mass) == ("unparsed", None, 0)


def test_there_is_one_call_for_each_item_and_what_they_share_comes_first() -> None:
    items: list[Seed | Written] = [ITEM, seed("Say yes.", "Yes."), written(ITEM, "The Po.", flaw="wrong")]
    calls = review.calls(items)
    assert [call.row for call in calls] == [item.id for item in items]
    assert {call.kind for call in calls} == {"score"}
    assert {call.prefix for call in calls} == {review.PREFIX}
    assert len({call.messages[0]["content"] for call in calls}) == 1
    assert [[turn["role"] for turn in call.messages] for call in calls] == [["system", "user"]] * 3
    for item, call in zip(items, calls, strict=True):
        assert item.instruction in call.messages[1]["content"]
        assert item.response in call.messages[1]["content"]


def test_the_reviewer_is_not_told_that_a_text_is_flawed() -> None:
    fair, flawed = written(ITEM, "The Po."), written(ITEM, "The Po.", branch="high", flaw="wrong")
    one, other = review.calls([fair, flawed])
    assert one.messages == other.messages
    assert one.row != other.row


def test_the_quarantine_keeps_the_texts_of_the_unparsed() -> None:
    items = [seed(f"Say {n}.", f"It is {n}.") for n in range(5)]
    reviews = [rows.review(item, None if n == 3 else 0.0) for n, item in enumerate(items)]
    (reject,) = review.quarantine(items, reviews, ReviewConfig(max_unparsed_share=0.2))
    assert (reject.row, reject.rule, reject.text) == (items[3].id, "unparsed", "Say 3.\n\nIt is 3.")
    assert reject.parents == (items[3].id,)
    assert reject.detail == "label mass 0.010, expected at least 0.5"


def test_too_many_unparsed_raise_and_name_the_setting() -> None:
    items = [seed(f"Say {n}.") for n in range(5)]
    reviews = [rows.review(item, None if n < 2 else 5.0) for n, item in enumerate(items)]
    assert len(review.quarantine(items, reviews, ReviewConfig(max_unparsed_share=0.4))) == 2
    with pytest.raises(ValueError, match=r"2 of 5 .* at most 39% \(review\.max_unparsed_share\).*min_label_mass"):
        review.quarantine(items, reviews, ReviewConfig(max_unparsed_share=0.39))


def test_an_empty_set_of_reviews_is_quarantined_quietly() -> None:
    assert review.quarantine([], [], ReviewConfig(max_unparsed_share=0)) == []


def test_labels_are_the_ten_digits_in_order() -> None:
    assert [int(label) for label in LABELS] == list(range(10))
