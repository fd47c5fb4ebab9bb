"""Gate: a promotion needs a sure gain and no sure loss, over the same items."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.config import GateConfig
from tasks.gate import Axis, decide, held, preference
from tasks.records import Measured
from tests.rows import measured

CONFIG = GateConfig(bootstrap_draws=100)  # variety is slow
ITEMS = [f"seed-{n:02}" for n in range(30)]
SAID = [f"Lake a{n} lies b{n} miles north of hill c{n}." for n in range(90)]
LEVELS = [-3 + 2 * random.Random(n).random() for n in range(30)]  # items differ far more than the two models


def model(
    change: Callable[[int], float] = lambda n: 0.0,
    *,
    beaten: int = 1,
    say: Callable[[int], str] = lambda n: SAID[n],
) -> list[Measured]:
    """A model's measurements: each item's level plus `change`, with `beaten` of two corruptions found less likely."""
    rows = []
    for n, item in enumerate(ITEMS):
        found = LEVELS[n] + change(n)
        corrupted = tuple(found - 1 if i < beaten else found + 1 for i in range(2))
        rows.append(measured(item, found, corrupted=corrupted, response=say(n)))
    return rows


CHAMPION = model()


def up(n: int) -> float:
    """A gain that differs from item to item and is small beside what items differ by."""
    return 0.05 + 0.02 * (n % 3)


def axis(champion: list[Measured], candidate: list[Measured], name: str) -> Axis:
    (found,) = (axis for axis in decide(champion, candidate, CONFIG).axes if axis.name == name)
    return found


def test_the_same_model_again_is_held_on_no_gain() -> None:
    verdict = decide(CHAMPION, model(), CONFIG)
    assert (verdict.decision, verdict.items) == ("hold", 30)
    assert verdict.reasons == (
        "no ability is surely up: the intervals of log-likelihood and preference reach 0 (30 items)",
    )
    assert {found.change for found in verdict.axes if found.name != "length"} == {0}
    assert axis(CHAMPION, model(), "length").change == 1


def test_a_champion_that_said_nothing_has_a_length_all_the_same() -> None:
    silent = model(say=lambda n: "")
    assert axis(silent, CHAMPION, "length").change == pytest.approx(9.0)
    assert axis(CHAMPION, silent, "length").change == pytest.approx(1 / 9)
    assert "x 9.000" in axis(silent, CHAMPION, "length").shown


def test_a_clear_gain_promotes_with_its_interval() -> None:
    candidate = model(up)
    verdict = decide(CHAMPION, candidate, CONFIG)
    found = axis(CHAMPION, candidate, "log_likelihood")
    assert verdict.decision == "promote"
    assert verdict.reasons == (f"log likelihood is up by 0.070 [{found.low:.3f}, {found.high:.3f}]",)
    assert 0 < found.low < found.change < found.high < 0.1
    assert found.champion == pytest.approx(sum(LEVELS) / 30)
    assert found.candidate == pytest.approx(sum(LEVELS) / 30 + 0.07)


def test_surely_better_preferences_promote_alone() -> None:
    verdict = decide(CHAMPION, model(beaten=2), CONFIG)
    assert (verdict.decision, verdict.reasons) == ("promote", ("preference is up by 0.500 [0.500, 0.500]",))


def test_a_gain_that_only_a_few_items_have_is_not_sure() -> None:
    verdict = decide(CHAMPION, model(lambda n: 3.0 if n == 4 else -0.01), CONFIG)
    assert verdict.axes[0].change > 0 > verdict.axes[0].low
    assert (verdict.decision, verdict.reasons[0][:25]) == ("hold", "no ability is surely up: ")


# Each candidate is surely better on one ability, so that it is the one sure loss that holds it.
WORSE = [
    ("log-likelihood is down: -0.070 [", model(lambda n: -up(n), beaten=2)),
    ("preference accuracy is down: -0.500 [", model(up, beaten=0)),
    ("responses are 3.000 [3.000, 3.000] times", model(up, say=lambda n: " ".join(SAID[n::30]))),
    ("responses are 0.222 [0.222, 0.222] times", model(up, say=lambda n: " ".join(SAID[n].split()[:2]))),
    ("responses have lost variety: distinct-2 -0.", model(up, say=lambda n: SAID[n % 2])),
]


@pytest.mark.parametrize(("reason", "candidate"), WORSE, ids=[reason.split(":")[0] for reason, _ in WORSE])
def test_a_sure_loss_on_one_axis_holds_and_is_named_alone(reason: str, candidate: list[Measured]) -> None:
    verdict = decide(CHAMPION, candidate, CONFIG)
    assert verdict.decision == "hold"
    (found,) = verdict.reasons
    assert found.startswith(reason)


def test_a_loss_within_its_tolerance_does_not_hold() -> None:
    candidate = model(lambda n: -0.02 + 0.001 * (n % 2), beaten=2)
    verdict = decide(CHAMPION, candidate, CONFIG)
    assert axis(CHAMPION, candidate, "log_likelihood").high < 0
    assert verdict.decision == "promote"
    strict = CONFIG.model_copy(update={"max_log_likelihood_loss": 0.01})
    assert decide(CHAMPION, candidate, strict).decision == "hold"


def test_a_loss_that_is_not_sure_does_not_hold() -> None:
    candidate = model(lambda n: -2.0 if n == 4 else 0.01, beaten=2)
    assert axis(CHAMPION, candidate, "log_likelihood").change < -CONFIG.max_log_likelihood_loss
    assert decide(CHAMPION, candidate, CONFIG).decision == "promote"


@pytest.mark.parametrize(
    ("before", "after"), [(CHAMPION, CHAMPION[1:]), (CHAMPION[1:], CHAMPION), (CHAMPION[:2], CHAMPION[2:4]), ([], [])]
)
def test_models_measured_on_different_items_are_not_compared(before: list[Measured], after: list[Measured]) -> None:
    with pytest.raises(ValueError, match=f"champion measured on {len(before)} items, candidate on {len(after)}"):
        decide(before, after, CONFIG)


def test_items_are_paired_by_name_and_not_by_place() -> None:
    assert decide(CHAMPION, model(up)[::-1], CONFIG) == decide(CHAMPION, model(up), CONFIG)
    assert decide(CHAMPION[::-1], model(up), CONFIG) == decide(CHAMPION, model(up), CONFIG)


def test_a_paired_interval_is_narrower_than_an_unpaired_one() -> None:
    gains = [LEVELS[n] + up(n) for n in range(30)]
    elsewhere = model(lambda n: gains[n - 1] - LEVELS[n])  # the same numbers, each on the item beside its own
    paired, unpaired = (axis(CHAMPION, rows, "log_likelihood") for rows in (model(up), elsewhere))
    assert paired.change == pytest.approx(unpaired.change)
    assert (paired.high - paired.low) * 10 < unpaired.high - unpaired.low


def test_the_verdict_is_the_same_each_time() -> None:
    noisy = model(lambda n: 0.2 * (n % 5) - 0.3)
    assert decide(CHAMPION, noisy, CONFIG) == decide(CHAMPION, noisy, CONFIG)


def test_more_confidence_is_a_wider_interval() -> None:
    noisy = model(lambda n: 0.2 * (n % 5) - 0.3)
    wide = decide(CHAMPION, noisy, CONFIG.model_copy(update={"confidence": 0.99})).axes[0]
    narrow = decide(CHAMPION, noisy, CONFIG.model_copy(update={"confidence": 0.5})).axes[0]
    assert wide.low < narrow.low < narrow.change < narrow.high < wide.high


def test_a_handful_of_items_is_too_few_to_promote_on() -> None:
    better = model(lambda n: 1.0)
    assert decide(CHAMPION, better, CONFIG).decision == "promote"
    verdict = decide(CHAMPION[:9], better[:9], CONFIG)
    assert (verdict.decision, verdict.reasons[0][:16]) == ("hold", "9 held-out items")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-3, -0.1), min_size=10, max_size=16), st.floats(-1, 1))
def test_a_change_that_all_items_share_decides_by_its_size(levels: list[float], change: float) -> None:
    champion, candidate = (
        [measured(f"seed-{n}", level + by, corrupted=(level + by - 1,)) for n, level in enumerate(levels)]
        for by in (0, change)
    )
    verdict = decide(champion, candidate, GateConfig(bootstrap_draws=20))
    if change > 1e-6:
        assert (verdict.decision, verdict.reasons[0][:20]) == ("promote", "log likelihood is up")
    elif change < -0.02 - 1e-6:
        assert (verdict.decision, verdict.reasons[0][:22]) == ("hold", "log-likelihood is down")
    elif -0.02 + 1e-6 < change < -1e-6:
        assert (verdict.decision, verdict.reasons[0][:10]) == ("hold", "no ability")


@pytest.mark.parametrize(
    ("corrupted", "share"), [((), 0.5), ((-3.0,), 1), ((-1.0, -3.0), 0.5), ((-2.0,), 0), ((-1.0, -1.0), 0)]
)
def test_preference_is_the_share_of_corruptions_found_less_likely(corrupted: tuple[float, ...], share: float) -> None:
    assert preference(measured("seed-0", -2.0, corrupted=corrupted)) == share


def test_an_iteration_without_a_candidate_is_held_with_its_reasons() -> None:
    verdict = held(["no pair: …", "no SFT row: …"])
    assert (verdict.decision, verdict.reasons) == ("hold", ("no pair: …", "no SFT row: …"))
    assert (verdict.axes, verdict.items) == ((), 0)
