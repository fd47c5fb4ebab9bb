"""Gate: a promotion needs abilities that are significantly up, and no axis significantly beyond its tolerance."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluate import luck
from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evaluate.comparison import compare
from tasks.evaluate.evidence import Evidence, preference
from tasks.evaluate.gate import Axis, Verdict, decide, held, promotion_tail
from tasks.recipe.evaluation import GateConfig
from tasks.store.reviews import AnchorScore
from tasks.store.rows import Measured
from tasks.text.words import distinct
from tests.support.rows import measured

CONFIG = GateConfig(bootstrap_draws=2000)
ITEMS = [f"seed-{n:02}" for n in range(30)]
SAID = [f"Lake a{n} lies b{n} miles north of hill c{n}." for n in range(90)]
LEVELS = [-3 + 2 * random.Random(n).random() for n in range(30)]  # items differ far more than the two models
SOLVED = [float(random.Random(f"solved {n}").random() < 0.5) for n in range(80)]


def model(
    change: Callable[[int], float] = lambda n: 0.0,
    *,
    beaten: int = 1,
    say: Callable[[int], str] = lambda n: SAID[n],
    solve: Callable[[int], float] = lambda n: SOLVED[n],
    judge: Callable[[bool, int], float | None] = lambda good, n: 5.0 + 2 * good + n % 3,
    off_language: bool = False,
    figures: dict[str, float] | None = None,
) -> Evidence:
    """What was measured of a model: each item's level plus `change`, `beaten` of two corruptions found less likely."""
    rows = []
    for n, item in enumerate(ITEMS):
        found = LEVELS[n] + change(n)
        corrupted = tuple(found - 1 if i < beaten else found + 1 for i in range(2))
        row = measured(item, found, corrupted=corrupted, response=say(n)).model_dump(exclude={"id"})
        rows.append(Measured(**row | {"off_language": off_language}))
    scores = [ItemScore(benchmark="sums", item=f"s/{n}", model="m", value=solve(n)) for n in range(80)]
    anchors = [
        AnchorScore(anchor=f"{kind}-{n}", seed=f"s{n}", source="human", corruption=kind, score=judge(kind == "good", n))
        for n in range(20)
        for kind in ("good", "shuffled")
    ]
    return Evidence(held_out=rows, scores=scores, anchors=anchors, figures=figures or {})


CHAMPION = model()


def up(n: int) -> float:
    """A gain that differs from item to item and is small beside what items differ by."""
    return 0.15 + 0.06 * (n % 3)


def axis(verdict: Verdict, name: str) -> Axis:
    (found,) = (axis for axis in verdict.axes if axis.name == name)
    return found


def policy(**changes: Any) -> GateConfig:
    return CONFIG.model_copy(update=changes)


def test_the_same_model_again_is_held_on_no_gain() -> None:
    verdict = decide(CHAMPION, model(), CONFIG)
    assert (verdict.decision, verdict.items, verdict.ability) == ("hold", 30, (0, 0, 0))
    assert verdict.reasons[0].startswith("not significantly better: abilities together +0.00 tolerances")
    assert {found.change for found in verdict.axes if found.name != "length"} == {0}
    assert axis(verdict, "length").change == 1


def test_what_an_axis_sees_from_is_seen_four_times_in_five() -> None:
    config, chance = policy(bootstrap_draws=300), np.random.default_rng(0)

    def measured_change(mean: float) -> Axis:
        noise = chance.normal(mean, 0.3, len(ITEMS))
        return axis(decide(CHAMPION, model(lambda n: float(noise[n])), config), "log_likelihood")

    mde = float(np.mean([measured_change(0).minimum_detectable_effect for _ in range(20)]))
    seen = np.mean([measured_change(mde).low > 0 for _ in range(150)])
    assert 0.7 < seen < 0.9


def test_abilities_are_named_apart_from_health() -> None:
    found = decide(CHAMPION, model(), CONFIG).axes
    assert [one.name for one in found if one.ability] == ["log_likelihood", "preference", "sums"]
    health = {
        "relevance",
        "length",
        "distinct_2",
        "duplicates",
        "refusals",
        "repetition",
        "off_language",
        "judge_score",
        "judge_auc",
    }
    assert {one.name for one in found if not one.ability} == health


def test_a_clear_gain_promotes_and_says_where() -> None:
    verdict = decide(CHAMPION, model(up), CONFIG)
    found = axis(verdict, "log_likelihood")
    assert verdict.decision == "promote"
    assert verdict.reasons[0].startswith("significantly better: abilities together +3.5")
    assert verdict.reasons[1:] == (f"log-likelihood +0.210 [{found.low:.3f} to {found.high:.3f}]",)
    assert found.champion == pytest.approx(sum(LEVELS) / 30)
    assert found.candidate == pytest.approx(sum(LEVELS) / 30 + 0.21)


def test_the_abilities_mean_is_weighted_and_in_tolerances() -> None:
    better = model(up, solve=lambda n: 1.0)
    gained = 1 - sum(SOLVED) / 80
    even = (0.21 / 0.02 + 0 + gained / 0.05) / 3
    assert decide(CHAMPION, better, CONFIG).ability[0] == pytest.approx(even)  # type: ignore[index]
    heavy = policy(weights={"sums": 2.0, "preference": 0.0}, tolerances={"sums": 0.1})
    weighted = (0.21 / 0.02 + 2 * gained / 0.1) / 3
    assert decide(CHAMPION, better, heavy).ability[0] == pytest.approx(weighted)  # type: ignore[index]


def test_a_gain_on_a_benchmark_promotes_alone() -> None:
    verdict = decide(CHAMPION, model(solve=lambda n: max(SOLVED[n], float(n % 3 > 0))), CONFIG)
    assert verdict.decision == "promote"
    assert verdict.reasons[1].startswith("sums +0.")


def test_a_gain_that_only_a_few_items_have_is_not_sure() -> None:
    verdict = decide(CHAMPION, model(lambda n: 3.0 if n == 4 else -0.01), CONFIG)
    assert verdict.axes[0].change > 0 > verdict.axes[0].low
    assert (verdict.decision, verdict.reasons[0][:25]) == ("hold", "not significantly better:")


def test_a_sure_gain_that_is_too_small_to_matter_is_held() -> None:
    small = model(lambda n: 0.01 + 0.0001 * n)
    assert axis(decide(CHAMPION, small, CONFIG), "log_likelihood").low > 0
    assert decide(CHAMPION, small, CONFIG).decision == "hold"
    assert decide(CHAMPION, small, policy(min_effect=0.0)).decision == "promote"


# Each candidate is significantly better on the log-likelihood, so that it is the one sure loss that counts.
WORSE = {
    "log-likelihood is significantly beyond its tolerance: -0.210 [": model(lambda n: -up(n), beaten=2),
    "preference is significantly beyond its tolerance: -0.500 [": model(up, beaten=0),
    "sums is significantly beyond its tolerance: -": model(up, solve=lambda n: 0.0),
    "length is significantly beyond its tolerance: x 3.000 [": model(up, say=lambda n: " ".join(SAID[n::30])),
    "length is significantly beyond its tolerance: x 0.222 [": model(up, say=lambda n: " ".join(SAID[n].split()[:2])),
    "distinct-2 is significantly beyond its tolerance: -0.": model(up, say=lambda n: SAID[n % 2]),
    "duplicates is significantly beyond its tolerance: +1.000 [": model(up, say=lambda n: SAID[n % 15]),
    "refusals is significantly beyond its tolerance: +1.000 [": model(up, say=lambda n: f"I'm sorry, no. {SAID[n]}"),
    "repetition is significantly beyond its tolerance: +0.": model(up, say=lambda n: " ".join([f"a{n} b c d"] * 3)),
    "off-language is significantly beyond its tolerance: +1.000 [": model(up, off_language=True),
    "judge-score is significantly beyond its tolerance: +2": model(up, judge=lambda good, n: 7.9 + 2 * good + n % 3),
    "judge-auc is significantly beyond its tolerance: -0.": model(up, judge=lambda good, n: 6.0),
}


@pytest.mark.parametrize("reason", WORSE)
def test_a_sure_loss_on_one_axis_rolls_back_and_is_named_first(reason: str) -> None:
    verdict = decide(CHAMPION, WORSE[reason], CONFIG)
    assert verdict.decision == "roll back"
    assert any(found.startswith(reason) for found in verdict.reasons), verdict.reasons
    assert axis(verdict, "log_likelihood").low > 0 or reason.startswith("log")


@pytest.mark.parametrize(("name", "value"), [("kl", 1.5), ("leaked_rows", 1), ("unparsed", 0.3)])
def test_a_figure_beyond_its_bound_rolls_back(name: str, value: float) -> None:
    verdict = decide(CHAMPION, model(up, figures={name: value}), CONFIG)
    assert (verdict.decision, verdict.figures) == ("roll back", {name: value})
    assert verdict.reasons[0].startswith(f"{name.replace('_', ' ')} is {value:.3g}, tolerated at most")
    assert decide(CHAMPION, model(up, figures={name: 0.0}), CONFIG).decision == "promote"


def test_a_loss_within_its_tolerance_does_not_hold() -> None:
    candidate = model(lambda n: -0.02 + 0.001 * (n % 2), beaten=2)
    assert axis(decide(CHAMPION, candidate, CONFIG), "log_likelihood").high < 0
    assert decide(CHAMPION, candidate, CONFIG).decision == "promote"
    assert decide(CHAMPION, candidate, policy(tolerances={"log_likelihood": 0.01})).decision == "roll back"


def test_a_loss_that_is_not_sure_does_not_hold() -> None:
    candidate = model(lambda n: -2.0 if n == 4 else 0.01, beaten=2)
    assert axis(decide(CHAMPION, candidate, CONFIG), "log_likelihood").change < -0.02
    assert decide(CHAMPION, candidate, CONFIG).decision == "promote"


def test_one_axis_that_looks_too_bad_by_itself_holds_and_does_not_roll_back() -> None:
    """Among ten axes one of a hundred looks like that by chance: no promotion, but nothing is thrown out for it."""
    wrong = {n for n in range(80) if SOLVED[n] and n % 4 == 0}
    candidate = model(up, solve=lambda n: SOLVED[n] - (n in wrong))
    found = axis(decide(CHAMPION, candidate, policy(tolerances={"sums": 0.07})), "sums")
    assert 0.025 / 12 < found.p < 0.025, found
    verdict = decide(CHAMPION, candidate, policy(tolerances={"sums": 0.07}))
    assert verdict.decision == "hold"
    assert verdict.reasons[0].startswith("sums looks beyond its tolerance: -0.")


def test_non_inferiority_promotes_what_is_significantly_within_all_tolerances() -> None:
    same = model(lambda n: -0.001)
    assert decide(CHAMPION, same, CONFIG).decision == "hold"
    assert decide(CHAMPION, same, policy(policy="non-inferiority")).decision == "promote"
    unsure = model(solve=lambda n: SOLVED[(n + 1) % 80])
    verdict = decide(CHAMPION, unsure, policy(policy="non-inferiority"))
    assert (verdict.decision, verdict.reasons[0][:36]) == ("hold", "sums may be beyond its tolerance: +0"[:36])


def test_the_paper_takes_the_best_so_far_however_small_the_difference() -> None:
    as_published = policy(policy="paper")
    noise = model(lambda n: 3.0 if n == 4 else -0.01)
    assert decide(CHAMPION, noise, CONFIG).decision == "hold"
    assert decide(CHAMPION, noise, as_published).decision == "promote"
    assert decide(noise, CHAMPION, as_published).decision == "hold"
    assert decide(CHAMPION, model(up, say=lambda n: "No."), as_published).decision == "promote"


def test_models_measured_on_different_items_are_not_compared() -> None:
    fewer = Evidence(held_out=CHAMPION.held_out[1:])
    for before, after in ((CHAMPION, fewer), (fewer, CHAMPION), (Evidence(held_out=[]), Evidence(held_out=[]))):
        counts = f"champion measured on {len(before.held_out)} items, candidate on {len(after.held_out)}"
        with pytest.raises(ValueError, match=counts):
            decide(before, after, CONFIG)
    other = Evidence(held_out=CHAMPION.held_out, scores=CHAMPION.scores[1:])
    with pytest.raises(ValueError, match="benchmark sums: champion measured on 80 items, candidate on 79"):
        decide(CHAMPION, other, CONFIG)


def _reversed(found: Evidence) -> Evidence:
    return Evidence(held_out=found.held_out[::-1], scores=found.scores[::-1], anchors=found.anchors[::-1])


def test_items_are_paired_by_name_and_not_by_place() -> None:
    assert decide(CHAMPION, _reversed(model(up)), CONFIG) == decide(CHAMPION, model(up), CONFIG)
    assert decide(_reversed(CHAMPION), model(up), CONFIG) == decide(CHAMPION, model(up), CONFIG)


def test_a_paired_interval_is_narrower_than_an_unpaired_one() -> None:
    gains = [LEVELS[n] + up(n) for n in range(30)]
    elsewhere = model(lambda n: gains[n - 1] - LEVELS[n])  # the same numbers, each on the item beside its own
    paired, unpaired = (axis(decide(CHAMPION, rows, CONFIG), "log_likelihood") for rows in (model(up), elsewhere))
    assert paired.change == pytest.approx(unpaired.change)
    assert (paired.high - paired.low) * 10 < unpaired.high - unpaired.low


def test_the_verdict_is_the_same_each_time() -> None:
    noisy = model(lambda n: 0.2 * (n % 5) - 0.3)
    assert decide(CHAMPION, noisy, CONFIG) == decide(CHAMPION, noisy, CONFIG)


def test_a_handful_of_items_is_too_few_to_promote_on() -> None:
    few, better = (Evidence(held_out=found.held_out[:9]) for found in (CHAMPION, model(lambda n: 1.0)))
    verdict = decide(few, better, CONFIG)
    assert (verdict.decision, verdict.reasons[0][:16]) == ("hold", "9 held-out items")
    leaked = Evidence(held_out=better.held_out, figures={"leaked_rows": 1})
    assert decide(few, leaked, CONFIG).decision == "roll back", "a bound is no matter of how many items there are"


def _auc_one_by_one(good: Sequence[float], bad: Sequence[float]) -> float:
    pairs = [(a, b) for a in good for b in bad]
    return sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(0, 10), min_size=4, max_size=4), min_size=2, max_size=20))
def test_the_judges_auc_is_that_of_the_pairs_within_each_seed(seeds: list[list[int]]) -> None:
    anchors = [
        AnchorScore(anchor=f"{n}-{i}", seed=f"s{n}", source="human", corruption=kind, score=float(scores[i]))
        for n, scores in enumerate(seeds)
        for i, kind in enumerate(("good", "good", "shuffled", "vague"))
    ]
    judge = Evidence(held_out=CHAMPION.held_out, anchors=anchors)
    (found,) = (one for one in compare(judge, judge, 200) if one.name == "judge_auc")
    assert found.candidate == pytest.approx(np.mean([_auc_one_by_one(s[:2], s[2:]) for s in seeds]))
    assert (found.items, found.change) == (len(seeds), 0)


def test_a_seed_whose_good_text_has_no_score_has_no_auc_and_a_mean_all_the_same() -> None:
    judge = model(judge=lambda good, n: None if good and n < 15 else 5.0 + 2 * good)
    found = {one.name: one.items for one in compare(judge, judge, 200)}
    assert (found["judge_score"], found["judge_auc"]) == (20, 5)


def test_distinct_2_is_of_all_replies_together_and_its_interval_holds_the_change() -> None:
    poorer = model(
        say=lambda n: f"{SAID[n]} And so on, and so forth, as was to be expected." if n % 3 == 0 else SAID[n]
    )
    found = axis(decide(CHAMPION, poorer, CONFIG), "distinct_2")
    assert found.candidate == pytest.approx(distinct([row.response for row in poorer.held_out]))
    assert found.change == pytest.approx(found.candidate - distinct([row.response for row in CHAMPION.held_out]))
    assert found.low < found.change < found.high < 0


def test_the_same_reply_to_other_documents_is_counted_wherever_it_stands() -> None:
    found = axis(decide(CHAMPION, model(say=lambda n: "As I said." if n % 3 == 0 else SAID[n]), CONFIG), "duplicates")
    assert found.change == pytest.approx(1 / 3)


def test_likelihood_that_no_longer_depends_on_the_question_shows_as_relevance() -> None:
    def with_others(by: float) -> Evidence:
        rows = [
            Measured.model_validate(
                row.model_dump(exclude={"id"})
                | {
                    "corruptions": ("mismatched", "shuffled"),
                    "corrupted_log_likelihoods": (row.log_likelihood - by, -9),
                }
            )
            for row in CHAMPION.held_out
        ]
        return Evidence(held_out=rows)

    verdict = decide(with_others(1.2), with_others(1.1), CONFIG)
    assert axis(verdict, "relevance").change == pytest.approx(-0.1)
    assert (verdict.decision, verdict.reasons[0][:49]) == (
        "roll back",
        "relevance is significantly beyond its tolerance: ",
    )


def test_anchors_that_a_model_wrote_itself_are_not_compared() -> None:
    own = [
        AnchorScore(anchor=f"own-{n}", seed=f"s{n}", source="own", corruption="own answer", score=10.0)
        for n in range(9)
    ]
    both = (Evidence(held_out=one.held_out, anchors=[*one.anchors, *own]) for one in (CHAMPION, model()))
    found = decide(*both, CONFIG)  # type: ignore[call-arg, arg-type]
    assert axis(found, "judge_score").champion == axis(decide(CHAMPION, model(), CONFIG), "judge_score").champion


def test_a_champion_that_said_nothing_has_a_length_all_the_same() -> None:
    silent = model(say=lambda n: "")
    assert axis(decide(silent, CHAMPION, CONFIG), "length").change == pytest.approx(9.0)
    assert axis(decide(CHAMPION, silent, CONFIG), "length").change == pytest.approx(1 / 9)
    assert "x 9.000" in axis(decide(silent, CHAMPION, CONFIG), "length").shown


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-3, -0.1), min_size=10, max_size=16), st.floats(-1, 1))
def test_a_change_that_all_items_share_decides_by_its_size(levels: list[float], change: float) -> None:
    champion, candidate = (
        Evidence(
            held_out=[measured(f"seed-{n}", level + by, corrupted=(level + by - 1,)) for n, level in enumerate(levels)]
        )
        for by in (0, change)
    )
    decision = decide(champion, candidate, GateConfig(bootstrap_draws=1000)).decision
    if change / 0.02 / 2 > 0.2 + 1e-6:  # a mean of two abilities
        assert decision == "promote"
    elif change < -0.02 - 1e-6:
        assert decision == "roll back"
    elif -0.02 + 1e-6 < change < 0.2 * 0.04 - 1e-6:
        assert decision == "hold"


@pytest.mark.parametrize(
    ("corrupted", "share"), [((), 0.5), ((-3.0,), 1), ((-1.0, -3.0), 0.5), ((-2.0,), 0), ((-1.0, -1.0), 0)]
)
def test_preference_is_the_share_of_corruptions_found_less_likely(corrupted: tuple[float, ...], share: float) -> None:
    assert preference(measured("seed-0", -2.0, corrupted=corrupted)) == share


def test_an_iteration_without_a_candidate_is_held_with_its_reasons() -> None:
    verdict = held(["no pair: …", "no SFT row: …"])
    assert (verdict.decision, verdict.reasons) == ("hold", ("no pair: …", "no SFT row: …"))
    assert (verdict.axes, verdict.items) == ((), 0)


def test_the_error_of_a_promotion_is_spent_over_an_evolution() -> None:
    """A gain that the first gate is sure enough of is not enough for the tenth, which asks for more."""
    small = model(lambda n: 0.03 if n % 3 else -0.025)
    decisions = [decide(CHAMPION, small, policy(min_effect=0.0), number).decision for number in (1, 10)]
    assert decisions == ["promote", "hold"]
    said = decide(CHAMPION, small, policy(min_effect=0.0), 10).reasons[0]
    assert "by luck with p = 0.01" in said and "with p at most 0.00045 at gate 10" in said
    assert decide(CHAMPION, model(up), CONFIG, 10).decision == "promote", "a large one still is"


@pytest.mark.parametrize("skew", [0.0, 3.0])
def test_luck_alone_passes_as_often_as_was_allowed(skew: float) -> None:
    """Also where few documents change much, and most of them hardly; a p-value of 0.05 or less comes in 5%."""
    chance = np.random.default_rng(1)
    found = []
    for _ in range(400):
        sizes = np.exp(skew * chance.normal(size=20)) * chance.choice([-1, 1], 20)
        axes = [(1.0, 0.02, {f"d{n}": float(value) for n, value in enumerate(sizes)})]
        found.append(luck.p_value(axes, 400) <= 0.05)
    assert 0.02 < np.mean(found) < 0.08


def test_a_noisy_axis_does_not_drown_a_sure_gain() -> None:
    sure = {f"d{n}": 1.0 if n < 40 else 0.0 for n in range(200)}
    noisy = {f"d{n}": (-1.0) ** n * 5 for n in range(20)}
    assert luck.p_value([(1, 0.05, sure), (1, 0.02, noisy)], 2000) < 0.001
    assert luck.p_value([(1, 0.05, noisy), (1, 0.02, noisy)], 2000) > 0.4
    assert luck.p_value([(1, 0.05, dict.fromkeys(sure, 0.0))], 2000) == 1


def test_a_document_has_the_same_coins_on_every_axis() -> None:
    """What one axis gains on a document and another loses there is no gain by any coin."""
    one = {f"d{n}": float(n % 3) for n in range(30)}
    other = {name: -value for name, value in one.items()} | {"e": 0.0}
    equal = (1, 100.0, {name: value * 31 / 30 for name, value in other.items()})
    assert luck.p_value([(1, 100.0, one), equal], 500) == 1


def test_all_gates_together_spend_no_more_than_the_error() -> None:
    shares = [promotion_tail(CONFIG, number) for number in range(1, 1001)]
    assert shares[0] == pytest.approx((1 - CONFIG.confidence) / 2), "as much as a single gate"
    assert 0.999 * (1 - CONFIG.confidence) < sum(shares) < 1 - CONFIG.confidence


def test_non_inferiority_spends_it_too_and_the_paper_does_not() -> None:
    within = model(lambda n: -0.045 + 0.1 * (n % 2))
    found = [decide(CHAMPION, within, policy(policy="non-inferiority"), number).decision for number in (1, 10)]
    assert found == ["promote", "hold"]
    assert decide(CHAMPION, model(lambda n: 0.001), policy(policy="paper"), 10).decision == "promote"


@pytest.mark.parametrize("settings", [{"confidence": 0.999}, {"bootstrap_draws": 100}])
def test_what_is_far_worse_is_rolled_back_however_few_draws_were_asked_for(settings: dict[str, float]) -> None:
    """With n draws no p is below 1 / (n + 1), and with few no axis would be significant among all of them."""
    worse = model(lambda n: -1.0 - 0.1 * (n % 3))
    assert decide(CHAMPION, worse, policy(**settings)).decision == "roll back"


def test_the_smallest_effect_follows_the_interval_that_it_is_read_off() -> None:
    """A narrower interval of the same draws shows what the standard error is as well."""
    found = [axis(decide(CHAMPION, model(up), policy(confidence=share)), "log_likelihood") for share in (0.5, 0.95)]
    errors = [
        one.minimum_detectable_effect / (NormalDist().inv_cdf((1 + one.confidence) / 2) + NormalDist().inv_cdf(0.8))
        for one in found
    ]
    assert errors[0] == pytest.approx(errors[1], rel=0.1)
    assert found[0].minimum_detectable_effect < found[1].minimum_detectable_effect


def test_one_reply_to_all_instructions_of_a_panel_takes_no_champions_place() -> None:
    """`<<so>> so?` meets so many constraints that the panel alone would promote who says nothing else."""

    def of(solved: int, say: Callable[[int], str]) -> Evidence:
        rows = [
            ItemScore(benchmark="instructions", item=f"{n}", model="m", value=float(n % 20 < solved), response=say(n))
            for n in range(240)
        ]
        return replace(CHAMPION, scores=rows)

    before, better = of(6, lambda n: f"Reply {n}."), of(9, lambda n: f"Other reply {n}.")
    assert decide(before, better, CONFIG).decision == "promote"
    verdict = decide(before, of(9, lambda n: "<<so>> so?"), CONFIG)
    assert verdict.decision == "roll back"
    assert verdict.reasons[0].startswith("panel-duplicates is significantly beyond its tolerance: +1.000")
