"""Review: scores from stored signals, and no number where there is none."""

import pytest

from tasks.recipe.review import ReviewConfig
from tasks.review import reviewer as review
from tasks.review.calibration import Calibration, Faults
from tasks.review.constitution import load
from tasks.store.reviews import TOO_LONG, Review, Signals
from tests.support import rows
from tests.support.rows import MODEL, seed

ITEM = seed()


# Good or contradicted, as `a` says; a second text of which no signal says anything.
SEEN = Faults(
    features=("a",),
    centre=(0.0,),
    scale=(1.0,),
    states=("contradicted", "good"),
    breaks=(("correct",), ()),
    weights=((0.0, 0.0), (50.0, 0.0)),
    intercepts=(0.0, 0.0),
)
UNSEEN = SEEN.model_copy(update={"breaks": (("clear",), ()), "weights": ((0.0, 0.0), (0.0, 0.0))})
CALIBRATION = Calibration(texts={"response": SEEN, "instruction": UNSEEN})


def reviewed(config: ReviewConfig, calibration: Calibration | None = None, **signals: float) -> Review:
    found = Signals(item=ITEM.id, reviewer=MODEL, names=tuple(signals), values=tuple(signals.values()))
    return review.Reviewer(config, load(), calibration).review(found)


def test_a_calibrated_score_adds_up_what_holds() -> None:
    found = reviewed(ReviewConfig(), CALIBRATION, a=1.0)
    assert dict(zip(found.principles, found.holds, strict=True)) == {"correct": pytest.approx(1), "clear": 0.5}
    assert found.outcome == "scored"
    assert found.score == pytest.approx(7.5)
    assert reviewed(ReviewConfig(), CALIBRATION, a=-1.0).score == pytest.approx(2.5)


def test_other_weights_are_another_score_of_the_same_signals() -> None:
    heavy = ReviewConfig(weights={"correct": 3.0})
    assert reviewed(heavy, CALIBRATION, a=1.0).score == pytest.approx(10 * 3.5 / 4)


@pytest.mark.parametrize("score", ["calibrated", "read", "sampled", "random"])
def test_what_there_was_no_room_to_ask_about_has_no_score(score: str) -> None:
    config = ReviewConfig.model_validate({"score": score})
    found = reviewed(config, CALIBRATION, **{TOO_LONG: 1.0})
    assert (found.outcome, found.score) == ("unparsed", None)
    assert "longer than engine.context_tokens has room for" in found.reason


def test_a_signal_that_is_missing_is_unparsed() -> None:
    found = reviewed(ReviewConfig(), CALIBRATION, b=1.0)
    assert (found.outcome, found.score, found.reason) == ("unparsed", None, "no a")


def test_a_sampled_score_is_the_mean_and_none_is_unparsed() -> None:
    config = ReviewConfig(score="sampled")
    assert reviewed(config, sampled=6.5, sampled_asked=3.0, sampled_parsed=2.0).score == 6.5
    none = reviewed(config, sampled_asked=5.0, sampled_parsed=0.0)
    assert (none.outcome, none.score, none.reason) == ("unparsed", None, "no score in 5 answers")


@pytest.mark.parametrize(("mass", "least", "scored"), [(0.5, 0.5, True), (0.499, 0.5, False), (1.0, 1.0, True)])
def test_a_read_score_needs_its_mass(mass: float, least: float, scored: bool) -> None:
    found = reviewed(ReviewConfig(score="read", min_label_mass=least), read=7.0, read_mass=mass)
    assert found.score == (7.0 if scored else None)


def test_no_mass_at_all_is_unparsed_even_where_none_is_asked_for() -> None:
    assert reviewed(ReviewConfig(score="read", min_label_mass=0), read_mass=0.0).outcome == "unparsed"


def test_principles_that_were_read_count_by_weight() -> None:
    signals = {"read_correct": 10.0, "read_correct_mass": 1.0, "read_relevant": 5.0, "read_relevant_mass": 1.0}
    assert reviewed(ReviewConfig(score="read"), None, **signals).score == pytest.approx(7.5)
    assert reviewed(ReviewConfig(score="read", weights={"correct": 4}), None, **signals).score == pytest.approx(9)


def test_the_quarantine_keeps_the_texts_of_the_unparsed() -> None:
    items = [seed(f"Say {n}.", f"It is {n}.") for n in range(5)]
    reviews = [rows.review(item, None if n == 3 else 0.0) for n, item in enumerate(items)]
    (reject,) = review.quarantine(items, reviews, ReviewConfig(max_unparsed_share=0.2))
    assert (reject.row, reject.rule, reject.text) == (items[3].id, "unparsed", "Say 3.\n\nIt is 3.")
    assert reject.parents == (items[3].id,)
    assert reject.detail == "no score"


def test_too_many_unparsed_raise_and_name_the_setting() -> None:
    items = [seed(f"Say {n}.") for n in range(5)]
    reviews = [rows.review(item, None if n < 2 else 5.0) for n, item in enumerate(items)]
    assert len(review.quarantine(items, reviews, ReviewConfig(max_unparsed_share=0.4))) == 2
    with pytest.raises(ValueError, match=r"2 of 5 .* at most 39% \(review\.max_unparsed_share\); the first: no score"):
        review.quarantine(items, reviews, ReviewConfig(max_unparsed_share=0.39))


def test_an_empty_set_of_reviews_is_quarantined_quietly() -> None:
    assert review.quarantine([], [], ReviewConfig(max_unparsed_share=0)) == []
