"""Benchmarks by the real harness, in the model environment; a few lines answer in a model's place."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from flows.plan.benchmark_shape import asks
from tasks.engines.calls import Call
from tasks.engines.processes import launch
from tasks.engines.processes.child import ChildFailed
from tasks.engines.processes.job import Job
from tasks.engines.processes.platform import detect
from tasks.evaluate.benchmarks import steps as benchmarking
from tasks.evaluate.benchmarks.requests import ItemScore, Reply, Request, calls
from tasks.execution.stage import Stages
from tasks.recipe.recipe import changed
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.home import ROOT
from tasks.store.rows import Seed
from tests.real.test_iterate import RECIPE, Scripted

MODEL = Ref(stage="base", fingerprint="f", digest="d")
SHIPPED = ROOT / "deployments" / "benchmarks"
SUM = "tests/support/benchmarks/sum.yaml"


@dataclass(frozen=True, kw_only=True)
class WithChildren(Scripted):
    """Jobs are real child processes."""

    work: Path

    def job(
        self, spec: Spec, label: str, module: str, given: dict[str, Any], *, online: bool = False, tells: bool = False
    ) -> Ref:
        job = Job(store=self.store.root, spec=spec, work=self.work / spec.fingerprint, given=given)
        launch.run(module, job, lambda _: None)
        self.trained.append(label)
        found = self.store.find(spec)
        assert found
        return found


def stages(folder: Path, *benchmarks: dict[str, Any]) -> Stages:
    recipe = changed(RECIPE, [f"evaluate.benchmarks={json.dumps(benchmarks)}"])
    runner = WithChildren(recipe=recipe, store=Store(folder / "store"), platform=detect(), work=folder / "work")
    return Stages(runner, 1)


@dataclass
class Measured:
    stages: Stages
    asked: Ref
    scores: Ref

    def rows(self, kind: Any, table: str = "rows", of: str = "asked") -> list[Any]:
        return list(self.stages.store.rows({"asked": self.asked, "scores": self.scores}[of], kind, table))


def measured(it: Stages) -> Measured:
    asked = benchmarking.items(it)
    assert asked
    return Measured(it, asked, benchmarking.measure(it, "candidate", MODEL, asked))


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    few = [{"task": name, "items": 12} for name in ("choices", SUM)]
    return measured(stages(tmp_path_factory.mktemp("panel"), *few))


def test_each_item_has_one_score(panel: Measured) -> None:
    scores: Sequence[ItemScore] = panel.rows(ItemScore, of="scores")
    assert len(scores) == 2 * 12
    assert len({(score.benchmark, score.item) for score in scores}) == 2 * 12
    assert {score.value for score in scores} == {0.0, 1.0}
    assert {score.model for score in scores} == {MODEL.digest}


def test_a_choice_counts_by_its_likelihood(panel: Measured) -> None:
    questions = [json.loads(line) for line in (SHIPPED / "choices.jsonl").read_text().splitlines()]
    (replies,) = (ref for label, ref in panel.stages.made.items() if label.startswith("benchmarks ["))
    said = {row.request: row for row in panel.stages.store.rows(replies, Reply)}
    for score in panel.rows(ItemScore, of="scores")[:12]:
        number = int(score.item.partition("/")[2])
        likely = [said[f"choices/{score.item}/{i}"].log_likelihood or 0.0 for i in range(4)]
        assert score.value == (likely.index(max(likely)) == questions[number]["answer"])


def test_a_text_is_scored_by_the_tasks_own_rule(panel: Measured) -> None:
    rows = [json.loads(line) for line in (ROOT / SUM).with_suffix(".jsonl").read_text().splitlines()]
    found = [score for score in panel.rows(ItemScore, of="scores") if score.benchmark == "sum"]
    for score in found:
        row = rows[int(score.item.partition("/")[2])]
        assert score.response, "what the model wrote is kept"
        assert score.value == (re.findall(r"-?\d+", score.response)[-1:] == [row["answer"]])


def test_a_plan_counts_what_the_harness_asks(panel: Measured) -> None:
    requests: Sequence[Request] = panel.rows(Request, "requests")
    for benchmark in panel.stages.recipe.evaluate.benchmarks:
        of_it, planned = [one for one in requests if one.benchmark == benchmark.axis], asks(benchmark)
        assert planned
        written = [one.max_new_tokens for one in of_it if one.choice is None]
        assert (planned.texts, planned.written_tokens) == (len(written), sum(written))
        assert planned.readings == len(of_it) - len(written)


def test_what_is_asked_is_a_chat_and_the_items_are_what_nothing_trains_on(panel: Measured) -> None:
    requests: Sequence[Request] = panel.rows(Request, "requests")
    assert len(requests) == 4 * 12 + 12
    assert {json.loads(one.chat)[0]["role"] for one in requests} == {"system"}
    items: Sequence[Seed] = panel.rows(Seed, "items")
    first = json.loads((SHIPPED / "choices.jsonl").read_text().splitlines()[0])
    assert items[0].instruction == first["question"]
    assert items[0].response == first["choices"][first["answer"]]
    assert items[0].source == "choices:choices/0"
    assert len(items) == 2 * 12


def test_measured_again_nothing_is_done(panel: Measured) -> None:
    runner = cast(WithChildren, panel.stages.runner)
    before = (list(runner.asked), len(runner.trained))
    again = measured(Stages(panel.stages.runner, 2))
    assert (again.asked, again.scores) == (panel.asked, panel.scores)
    assert runner.asked == before[0]


def test_another_metric_asks_no_model_again(tmp_path: Path) -> None:
    data = tmp_path / "maths.jsonl"
    data.write_text(json.dumps({"question": "What is 2 and 3?", "answer": "2 + 3 = 5\n#### 5"}) + "\n")
    benchmark = {"task": "gsm8k_offline", "name": "maths", "data": str(data)}
    first = stages(tmp_path, benchmark)
    one = measured(first)
    second = stages(tmp_path, benchmark | {"metric": "exact_match,strict-match"})
    two = measured(second)
    assert (one.asked, one.scores == two.scores) == (two.asked, False)
    assert cast(WithChildren, second.runner).asked == []


def test_another_file_is_another_benchmark_wherever_it_lies(tmp_path: Path) -> None:
    one, copy, other = (tmp_path / name for name in ("one.jsonl", "copy.jsonl", "other.jsonl"))
    one.write_text(json.dumps({"question": "What is 2 and 3?", "answer": "#### 5"}) + "\n")
    copy.write_text(one.read_text())
    other.write_text(json.dumps({"question": "What is 2 and 4?", "answer": "#### 6"}) + "\n")
    asked = [
        benchmarking.items(stages(tmp_path, {"task": "gsm8k_offline", "data": str(path)}))
        for path in (one, copy, other)
    ]
    assert asked[0] == asked[1] != asked[2]


OWN_TASK = """
task: own
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
output_type: generate_until
doc_to_text: question
doc_to_target: answer
unsafe_code: true
process_results: !function own.process_results
generation_kwargs: {until: ["."], do_sample: false, max_gen_toks: 8}
metric_list:
  - {metric: passed, aggregation: mean, higher_is_better: true}
"""
# In place of running what the model wrote, it says what such a program would find.
OWN_CODE = """
import os, socket
def process_results(doc, results):
    try:
        open(doc["answer"], "w").write("harm")
    except OSError:
        return {"passed": float("." not in results[0])}
    return {"passed": 0.0}
"""


def own_task(folder: Path) -> Path:
    (folder / "data.jsonl").write_text(json.dumps({"question": "Write.", "answer": str(folder / "harm")}) + "\n")
    (folder / "own.yaml").write_text(OWN_TASK.replace("DATA", str(folder / "data.jsonl")))
    (folder / "own.py").write_text(OWN_CODE)
    return folder / "own.yaml"


def test_a_task_of_ones_own_that_runs_code_does_so_in_the_sandbox_and_only_if_allowed(tmp_path: Path) -> None:
    task = str(own_task(tmp_path))
    with pytest.raises(ValueError, match="runs code that the model wrote; set run_generated_code"):
        benchmarking.items(stages(tmp_path, {"task": task}))
    found = measured(stages(tmp_path, {"task": task, "run_generated_code": True}))
    (score,) = found.rows(ItemScore, of="scores")
    assert (score.benchmark, score.item, score.value) == ("own", "own/0", 1.0)  # cut at the first full stop
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("benchmark", "message"),
    [
        ({"task": "no_such_task"}, "benchmark no_such_task: the harness could not load task 'no_such_task'"),
        ({"task": SUM, "metric": "acc"}, "metric 'acc' is no number an item; give one of: exact_match"),
        ({"task": SUM, "metric": "exact_match,strict"}, "has no filter 'strict'; it has: last-number"),
    ],
)
def test_a_benchmark_that_cannot_be_is_named(tmp_path: Path, benchmark: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, ChildFailed), match=message):
        measured(stages(tmp_path, benchmark | {"items": 2}))


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two have the same name"):
        benchmarking.items(stages(tmp_path, {"task": SUM}, {"task": SUM, "items": 3}))


def test_calls_are_told_apart_by_benchmark_and_item(panel: Measured) -> None:
    asked: list[Call] = calls(panel.rows(Request, "requests"))
    assert len({call.key for call in asked}) == len(asked)
    assert {call.kind for call in asked} == {"write", "likelihood"}
