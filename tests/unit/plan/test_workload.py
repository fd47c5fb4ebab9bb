"""Tokens and hours of a plan, against what the stages themselves ask and are given."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from flows.plan.benchmark_shape import asks
from flows.plan.forecast import workload
from flows.plan.workload import Given, Rates, Words, Workload
from tasks.engines.calls import Call
from tasks.evaluate import held_out as evaluate
from tasks.recipe.data import ReadingConfig
from tasks.recipe.evaluation import Benchmark
from tasks.recipe.recipe import load
from tasks.recipe.review import SignalsConfig
from tasks.review import anchors, canaries
from tasks.review.signals.collect import Collector
from tasks.seeds.parts import divide
from tasks.seeds.reading import read
from tasks.store.examples import SftRow
from tasks.store.home import ROOT
from tasks.text.words import length
from tasks.train.mix import mix
from tests.support.rows import review, written

RECIPE = "tests/support/recipes/reviewed.yaml"  # of a reviewer alone, until a test says otherwise
SEEDS = read(ROOT / "deployments" / "seeds" / "everyday.jsonl", ReadingConfig(), lambda _: None).seeds
PARTS = divide(SEEDS, 0.2, 0.2)
SHIPPED = Given(
    len(SEEDS),
    Words(fmean(length(seed.instruction) for seed in SEEDS), fmean(length(seed.response) for seed in SEEDS)),
)


def stage(name: str, *settings: str, given: Given = SHIPPED, number: int = 1) -> Workload:
    found = [one for one in workload(load(RECIPE, settings), given, number) if one.stage == name]
    return found[0] if found else Workload(name)


def words(calls: Sequence[Call]) -> int:
    """Of what each request holds that no other one does."""
    said = [[turn["content"] for turn in call.messages if turn["role"] != "system"] for call in calls]
    return sum(length(text) for call, texts in zip(calls, said, strict=True) for text in [*texts, call.response])


@pytest.mark.parametrize("use", [["likelihood", "contrast"], ["read"], ["sampled"]])
def test_what_a_reviewer_reads_is_forecast_closely(use: list[str]) -> None:
    settings = [f"signals.use={json.dumps(use)}", "reading.held_out_share=0", "reading.anchor_share=0"]
    calls = Collector(SignalsConfig(use=tuple(use)), "", 0).calls(SEEDS, {})  # type: ignore[arg-type]
    found = stage("signals [seeds]", *settings)
    once = list({json.dumps([call.messages, call.response]): call for call in calls}.values())
    asked = 25 * len(once) + 1.5 * words(once)
    assert asked <= found.read_tokens * 1.02, "a seed of mean length asks for as much as they all do, but for rounding"
    assert found.read_tokens <= 1.25 * asked, "some have nothing to contradict"
    assert found.texts == sum(call.kind == "write" for call in calls)
    assert found.written_tokens == found.texts * 512


def test_what_is_measured_and_judged_is_what_those_stages_ask() -> None:
    recipe = load(RECIPE)
    held_out = evaluate.calls(evaluate.items(PARTS.held_out, recipe.evaluate), recipe.evaluate)
    found = stage("evaluate [candidate]", given=replace(SHIPPED, held_out=len(PARTS.held_out)))
    assert (found.texts, found.readings) == (16, 64)  # a fifth of the seeds by number; by content it is a few less
    assert len(held_out) <= found.texts + found.readings
    assert 25 * len(held_out) + 1.5 * words(held_out) <= found.read_tokens * 1.25, "these are the longer ones"
    own = anchors.OwnTexts(PARTS.anchors, recipe.anchors, 1)
    share = f"reading.anchor_share={len(PARTS.anchors) / len(SEEDS)}"
    found = stage("write [anchors]", share)
    assert (found.texts, found.written_tokens) == (len(own.calls()), 64 * len(own.calls()))
    assert found.read_tokens == pytest.approx(found.texts * (25 + 1.5 * SHIPPED.words.instruction), abs=1)
    looks = anchors.human(PARTS.anchors, 1) + canaries.canaries(PARTS.anchors, recipe.anchors.canaries)
    calls = Collector(recipe.signals, "", 0).calls(looks, {})
    assert len(calls) <= stage("signals [anchors]", share, "anchors.own_texts=false").readings


def test_a_later_iteration_has_more_to_review_and_train_on_and_measures_the_candidate_alone() -> None:
    first, second = (workload(load(RECIPE, ["mix.human_share=0"]), SHIPPED, number) for number in (1, 2))
    names = [{one.stage for one in found} for found in (first, second)]
    assert names[0] - names[1] == {"evaluate [champion]", "write [anchors]", "signals [anchors]"}
    grown = [{one.stage: one for one in found} for found in (first, second)]
    assert grown[1]["signals [seeds]"].readings > grown[0]["signals [seeds]"].readings
    assert grown[1]["sft"].trained_tokens == pytest.approx(2 * grown[0]["sft"].trained_tokens, rel=0.01)
    assert grown[1]["panels [champion]"] == grown[0]["panels [champion]"], "each gate draws its own"
    assert stage("sft", "mix.accumulate=false", "mix.human_share=0", number=2) == grown[0]["sft"]


# Written rows as long as the seeds: an instruction of 10 words, and 90 tokens.
EVEN = Given(100, Words(10, 60))
ROW = 25 + 1.5 * 70


@pytest.mark.parametrize(("human", "kept"), [(0.0, 30), (0.25, 30), (0.75, 30), (1.0, 30)])
def test_sft_is_given_what_the_mix_lets_through(human: float, kept: int) -> None:
    pool = SEEDS[:60]
    rows = [written(pool[0], f"answer {n}", instruction=f"Say {n}.") for n in range(kept)]
    given, _ = mix(
        [SftRow.of(row, review(row, 9)) for row in rows],
        pool,
        [],
        load(RECIPE).mix.model_copy(update={"human_share": human}),
    )
    settings = ["write.max_new_tokens=90", f"mix.human_share={human}", f"target.sft_rows={kept}", "sft.epochs=4"]
    passes = 4 + 2 / 3
    assert stage("sft", *settings, given=EVEN).trained_tokens == pytest.approx(
        passes * ROW * len(given), abs=ROW * passes
    )


def test_a_quantile_says_how_many_are_kept() -> None:
    few, many = (stage("sft", f"annotate.sft_keep.quantile={q}", "mix.human_share=0") for q in (0.9, 0.1))
    assert many.trained_tokens == pytest.approx(9 * few.trained_tokens, rel=0.01)


def test_dpo_reads_both_texts_of_a_pair_and_its_reference_too() -> None:
    settings = ["write.max_new_tokens=90", "target.pairs=7", "dpo.epochs=2"]
    assert stage("dpo", *settings, given=EVEN).trained_tokens == pytest.approx((2 + 1) * 7 * 2 * ROW, abs=2)
    assert stage("dpo", *settings, "dpo.tokens=5000", given=EVEN).trained_tokens == pytest.approx(
        5000 + 14 * ROW, abs=2
    )


def test_a_model_that_is_taught_is_trained_on_reviews_and_seeds() -> None:
    assert stage("teach") == Workload("teach")
    found = stage("teach", "teach.skill_rows=10", "teach.sft.epochs=1", given=EVEN)
    assert found.trained_tokens == pytest.approx((1 + 2 / 3) * (10 * (400 + ROW) + 60 * ROW), abs=2)


VERIFY = (
    "verify.ways=[constraints, computed]",
    "branches=[]",
    "mix.human_share=0",
    "verify.samples=8",
    "verify.max_new_tokens=100",
    "sft.epochs=1",
)


def test_questions_that_rules_check_are_sampled_and_trained_on() -> None:
    """Of 100 seeds with a fifth held out and a fifth as anchors, 60 are asked about."""
    settings = (*VERIFY, "verify.constraints.questions_per_instruction=3", "verify.computed.questions={sum: 7}")
    constraints, computed = (stage(f"write [{way}]", *settings, given=EVEN) for way in ("constraints", "computed"))
    assert (constraints.texts, constraints.written_tokens) == (60 * 3 * 8, 60 * 3 * 8 * 100)
    assert computed.texts == 7 * 8
    answer = 25 + 15 + 100
    rows = ("verify.rows_per_question=2", "verify.pairs_per_question=1", "dpo.epochs=1")
    assert stage("sft", *settings, *rows, given=EVEN).trained_tokens == round((1 + 2 / 3) * 374 * answer)
    assert stage("dpo", *settings, *rows, given=EVEN).trained_tokens == round((1 + 1) * 187 * 2 * answer)
    capped = stage("sft", *settings, "verify.sft_rows=10", given=EVEN)
    assert capped.trained_tokens == round((1 + 2 / 3) * 10 * answer)


def test_hindsight_asks_no_model() -> None:
    found = workload(load(RECIPE, [*VERIFY, "verify.ways=[hindsight]"]), EVEN)
    assert not [one.stage for one in found if one.stage.startswith("write [")]
    trained = {one.stage: one.trained_tokens for one in found if one.trained_tokens}
    assert trained == {"dpo": 2 * 240 * 2 * (25 + 15 + 100)}


def test_panels_are_asked_of_both_models_and_their_test_part_of_each_model_once() -> None:
    settings = ("evaluate.panels={instructions: 20, sum: 30}", "evaluate.test_panels=true")
    first, candidate = (stage(f"panels [{who}]", *settings) for who in ("champion", "candidate"))
    later = stage("panels [champion]", *settings, number=2)
    assert (later.texts, later.written_tokens) == (50, 20 * 192 + 30 * 48)
    assert first.texts == candidate.texts == 2 * later.texts


def test_hours_by_kind_are_tokens_over_a_rate() -> None:
    done = [
        Workload("a", written_tokens=3600, read_tokens=1800),
        Workload("b", written_tokens=3600, trained_tokens=1800),
    ]
    assert Rates.of(100).hours(done) == pytest.approx({"writing": 0.02, "reading": 0.0025, "training": 0.01})
    assert Rates.of(100, 10, 1).hours(done) == pytest.approx({"writing": 0.02, "reading": 0.05, "training": 0.5})


SUM = "tests/support/benchmarks/sum.yaml"


def test_a_shipped_benchmark_is_known_from_its_files() -> None:
    choices, sums = asks(Benchmark(task="choices")), asks(Benchmark(task=SUM, items=10, max_new_tokens=16))
    assert choices and sums
    assert (choices.texts, choices.readings, choices.written_tokens) == (0, 320, 0)
    assert (sums.texts, sums.readings, sums.written_tokens) == (10, 0, 160)
    asked = [json.loads(line) for line in (ROOT / "deployments/benchmarks/choices.jsonl").read_text().splitlines()]
    read = [25 + 1.5 * length(f"{one['question']} {choice}") for one in asked for choice in one["choices"]]
    assert choices.read_tokens == round(sum(read))
    shown = asks(Benchmark(task=SUM, items=10, max_new_tokens=16, shots=3))
    assert shown and shown.read_tokens == pytest.approx(4 * sums.read_tokens - 3 * 10 * 25, abs=2)


def test_a_benchmark_of_ones_own_is_known_from_its_file_and_one_on_the_hub_is_not(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('{"q": "One two three?"}\n' * 3)
    task = tmp_path / "own.yaml"
    task.write_text("task: own\noutput_type: generate_until\ndoc_to_text: 'Q: {{q}}'\nprocess_docs: !function a.b\n")
    found = asks(Benchmark(task=str(task), data=str(tmp_path / "data.jsonl")))
    assert found and (found.texts, found.written_tokens) == (3, 3 * 256)
    assert asks(Benchmark(task=str(task))) is None, "its data are nowhere"
    assert asks(Benchmark(task="gsm8k")) is None
    task.write_text("a: [")
    with pytest.raises(ValueError, match=r"own\.yaml: expected a task"):
        asks(Benchmark(task=str(task)))
