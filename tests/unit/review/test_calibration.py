"""Calibration and meta-evaluation: what can be seen is learned, what cannot stays a coin, nothing is its own judge."""

import random

import numpy as np
import pytest

from tasks.recipe.review import CalibrationConfig, ReviewConfig
from tasks.review.calibration import Calibration, fit, out_of_fold
from tasks.review.constitution import load
from tasks.review.faults import BREAKS
from tasks.review.meta_evaluation import meta_evaluate, quality
from tasks.store.reviews import TOO_LONG, Anchor, Signals

CHANCE = random.Random(5)
CONFIG = CalibrationConfig()
LOUD = {"mismatched": -3.0, "repeated": 0.0}  # how far each corruption moves the one signal that says something
RESPONSE = {"relevant", "complete", "correct", "well_put", "expert"}


def anchor(n: int, corruption: str = "good", source: str = "human") -> Anchor:
    return Anchor(
        seed=f"seed-{n}",
        instruction=f"Ask {n}.",
        response=f"{corruption} {n} " + "word " * (n % 7),
        source=source,  # type: ignore[arg-type]
        corruption=corruption,
        state=corruption,
    )


def look(of: Anchor) -> Signals:
    """A signal that sees one corruption, one that is noise, and the length."""
    values = {
        "seen": CHANCE.gauss(LOUD.get(of.corruption, 0.0)),
        "noise": CHANCE.gauss(0),
        "words": float(len(of.response)),
    }
    return Signals(item=of.id, reviewer="m", names=tuple(values), values=tuple(values.values()))


ANCHORS = [anchor(n, kind) for n in range(80) for kind in ("good", "mismatched", "repeated")]
LOOKS = [look(one) for one in ANCHORS]


def fitted(**changes: object) -> Calibration:
    return fit(ANCHORS, LOOKS, CONFIG.model_copy(update=changes))


def test_only_principles_that_some_anchor_breaks_are_judged() -> None:
    assert fitted().holds(LOOKS[0].found()).keys() == RESPONSE
    repeated = [i for i, of in enumerate(ANCHORS) if of.state != "mismatched"]
    found = fit([ANCHORS[i] for i in repeated], [LOOKS[i] for i in repeated], CONFIG)
    assert found.holds(LOOKS[0].found()).keys() == set(BREAKS["repeated"])
    with pytest.raises(ValueError, match="none of which breaks a principle"):
        fit(ANCHORS[:1], LOOKS[:1], CONFIG)


def test_length_is_a_feature_only_where_it_is_asked_for() -> None:
    assert fitted().features == ("seen", "noise")
    assert fitted(length=True).features == ("seen", "noise", "words")


def test_what_nobody_knows_is_not_learned_from() -> None:
    unknown = [a.model_copy(update={"state": ""}) if a.corruption == "mismatched" else a for a in ANCHORS]
    without = [(a, look) for a, look in zip(ANCHORS, LOOKS, strict=True) if a.corruption != "mismatched"]
    assert fit(unknown, LOOKS, CONFIG) == fit([a for a, _ in without], [look for _, look in without], CONFIG)


def test_a_principle_holds_as_far_as_the_faults_that_break_it_are_unlikely() -> None:
    (response,) = fitted().texts.values()
    signals = {"seen": -2.0, "noise": 0.3}
    states, holds = response.probabilities(signals), fitted().holds(signals)
    assert sum(states.values()) == pytest.approx(1)
    assert holds["relevant"] == pytest.approx(1 - states["mismatched"])
    assert holds["well_put"] == pytest.approx(1 - states["repeated"])
    assert holds["expert"] == pytest.approx(states["good"])


def test_good_is_as_likely_as_all_faults_together_however_many_anchors_there_are_of_each() -> None:
    """Where signals say nothing, what is left are the odds before any look."""
    few = [i for i, of in enumerate(ANCHORS) if of.state != "repeated" or of.seed in ("seed-1", "seed-2")]
    blind = [look.model_copy(update={"values": (0.0, 0.0, 0.0)}) for look in LOOKS]
    (response,) = fit([ANCHORS[i] for i in few], [blind[i] for i in few], CONFIG).texts.values()
    found = response.probabilities({"seen": 0.0, "noise": 0.0})
    assert found == pytest.approx({"good": 0.5, "mismatched": 0.25, "repeated": 0.25}, abs=0.01)


def test_of_one_fault_alone_it_is_good_or_that() -> None:
    pairs = [(a, look) for a, look in zip(ANCHORS, LOOKS, strict=True) if a.state != "repeated"]
    (response,) = fit([a for a, _ in pairs], [look for _, look in pairs], CONFIG).texts.values()
    low, high = (response.probabilities({"seen": seen, "noise": 0.0})["good"] for seen in (-3.0, 0.0))
    assert low < 0.2 < 0.8 < high


def test_a_calibration_survives_its_way_through_json() -> None:
    again = Calibration.model_validate_json(fitted().model_dump_json())
    assert again.holds(LOOKS[0].found()) == fitted().holds(LOOKS[0].found())


def test_a_signal_far_outside_is_clipped() -> None:
    assert fitted().holds({"seen": -1e9, "noise": 0.0}) == fitted().holds({"seen": -1e6, "noise": 0.0})


def test_the_judge_says_what_is_seen_and_what_is_not() -> None:
    found = quality(ANCHORS, out_of_fold(ANCHORS, LOOKS, load(), CONFIG))
    aucs = {one.corruption: one for one in found.aucs}
    assert aucs["mismatched"].auc > 0.9
    assert aucs["mismatched"].within_pairs > 0.9
    assert aucs["mismatched"].low < aucs["mismatched"].auc < aucs["mismatched"].high
    assert 0.35 < aucs["repeated"].auc < 0.65
    assert aucs["repeated"].n == 80
    assert found.human_own_gap is None
    assert found.length_correlation is not None
    assert abs(found.length_correlation) < 0.3


def test_no_anchor_is_judged_by_a_calibration_that_knew_its_seed() -> None:
    """Labels without any sense, all anchors of a seed alike: whoever has seen the seed knows them, nobody else does."""
    anchors, looks = [], []
    for n in range(60):
        place = {"seen": CHANCE.gauss(0), "noise": CHANCE.gauss(0)}
        kind = CHANCE.choice(["good", "mismatched"])
        for copy in range(3):
            anchors.append(anchor(n, kind).model_copy(update={"response": f"{n} {copy}"}))
            looks.append(Signals(item="x", reviewer="m", names=tuple(place), values=tuple(place.values())))
    loose = CONFIG.model_copy(update={"regularisation": 1e-6})
    scores = out_of_fold(anchors, looks, load(), loose)
    good, bad = ([s for s, a in zip(scores, anchors, strict=True) if a.corruption == k] for k in ("good", "mismatched"))
    assert abs(np.mean(good) - np.mean(bad)) < 2.5


def test_a_signal_that_one_anchor_lacks_is_learned_in_no_fold() -> None:
    def without(look: Signals, name: str) -> Signals:
        return look.only(look.found().keys() - {name})

    lacking = [without(LOOKS[0], "noise"), *LOOKS[1:]]
    assert fit(ANCHORS, lacking, CONFIG).features == ("seen",)
    assert out_of_fold(ANCHORS, lacking, load(), CONFIG) == pytest.approx(
        out_of_fold(ANCHORS, [without(look, "noise") for look in LOOKS], load(), CONFIG)
    )


def test_an_anchor_that_there_was_no_room_to_ask_about_is_not_learned_from() -> None:
    """One text of thousands of words must not cost a calibration all of its signals."""
    lacking = [Signals(item=ANCHORS[1].id, reviewer="m", names=(TOO_LONG,), values=(1.0,))]
    looks = [LOOKS[0], *lacking, *LOOKS[2:]]
    found = meta_evaluate(ANCHORS, [], looks, [], ReviewConfig(), CONFIG)
    others = [i for i in range(len(ANCHORS)) if i != 1]
    assert found.calibration == fit([ANCHORS[i] for i in others], [LOOKS[i] for i in others], CONFIG)
    assert (found.unparsed, found.scores[1].score, found.scores[2].score is None) == (1, None, False)


def test_intervals_are_by_seed() -> None:
    """The same looks ten times over are no more knowledge."""
    scores = [look.found()["seen"] for look in LOOKS]
    once = quality(ANCHORS, scores).aucs[0]
    ten = quality(
        [*ANCHORS, *[a for a in ANCHORS if a.corruption != "good"] * 9],
        [*scores, *[s for s, a in zip(scores, ANCHORS, strict=True) if a.corruption != "good"] * 9],
    ).aucs[0]
    assert ten.n == 10 * once.n
    assert (ten.high - ten.low) == pytest.approx(once.high - once.low, rel=0.25)


def test_the_gap_between_human_and_own_text_and_the_ceiling() -> None:
    anchors = [anchor(0), anchor(1), anchor(2, "own answer", "own"), anchor(3, "own mismatched", "own")]
    found = quality(anchors, [8.0, 6.0, 9.6, 2.0])
    assert found.human_own_gap == pytest.approx(7.0 - 9.6)
    assert found.ceiling_share == 0.25
    assert found.mean_score == pytest.approx(7.0), "of the human ones: they are the same texts in every iteration"


def test_what_stands_in_the_one_text_says_nothing_of_the_other() -> None:
    """However well a signal of the instruction tells the corruptions apart, a principle of the response ignores it."""
    told = [
        Signals(
            item=of.id,
            reviewer="m",
            names=("response_seen", "instruction_seen"),
            values=(look.found()["seen"], float(of.corruption == "good")),
        )
        for of, look in zip(ANCHORS, LOOKS, strict=True)
    ]
    assert fit(ANCHORS, told, CONFIG).features == ("response_seen",)
