"""Benchmarks as people have them, by the real harness: the file that was named, with the files that it names."""

import json
from pathlib import Path

import pytest

from tasks.evaluate.benchmarks import steps as benchmarking
from tasks.evaluate.benchmarks.requests import ItemScore, Request
from tests.real.test_benchmarks import Measured, measured, stages

TASK = """
task: mine
dataset_path: json
dataset_kwargs: { data_files: { test: items.jsonl } }
test_split: test
output_type: generate_until
doc_to_text: "ASKS {{question}}"
doc_to_target: answer
metric_list: [{ metric: exact_match, aggregation: mean, higher_is_better: true }]
"""
WITH_SHOTS = """
include: mine.yml
task: with_shots
dataset_kwargs: { data_files: { test: items.jsonl, train: shots.jsonl } }
fewshot_split: train
num_fewshot: 1
process_results: !function rules.score
metric_list: [{ metric: passed, aggregation: mean, higher_is_better: true }]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    for name, text in {
        "mine.yml": TASK.replace("ASKS ", ""),
        "archive/mine.yaml": TASK.replace("ASKS", "OLD"),
        "archive/items.jsonl": json.dumps({"question": "An old one?", "answer": "4"}) + "\n",
        "items.jsonl": json.dumps({"question": "2+2?", "answer": "4"}) + "\n",
        "shots.jsonl": json.dumps({"question": "1+1?", "answer": "2"}) + "\n",
        "with_shots.yaml": WITH_SHOTS,
        "rules.py": "def score(doc, results):\n    return {'passed': float(len(results[0]) > 0)}\n",
        "both.yaml": "group: both\ntask: [mine, with_shots]\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def questions(it: Measured) -> list[list[str]]:
    requests: list[Request] = it.rows(Request, "requests")
    return [[one["content"] for one in json.loads(request.chat)[1:]] for request in requests]


def test_the_file_that_was_named_is_measured_whatever_its_ending_and_its_neighbours(folder: Path) -> None:
    mine = measured(stages(folder / "1", {"task": str(folder / "mine.yml")}))
    assert questions(mine) == [["2+2?"]]
    (score,) = mine.rows(ItemScore, of="scores")
    assert score.item == "mine/0"
    old = measured(stages(folder / "2", {"task": str(folder / "archive" / "mine.yaml")}))
    assert questions(old) == [["OLD An old one?"]]


def test_two_files_of_one_task_name_are_two_benchmarks(folder: Path) -> None:
    both = [{"task": str(folder / "mine.yml")}, {"task": str(folder / "archive" / "mine.yaml"), "name": "old"}]
    assert questions(measured(stages(folder / "1", *both))) == [["2+2?"], ["OLD An old one?"]]


def test_includes_functions_and_shots_are_relative_to_the_task(folder: Path) -> None:
    found = measured(stages(folder / "1", {"task": str(folder / "with_shots.yaml")}))
    assert questions(found) == [["1+1?", "2", "2+2?"]]
    (score,) = found.rows(ItemScore, of="scores")
    assert score.value == 1.0


def test_a_group_has_the_tasks_of_its_folder(folder: Path) -> None:
    found = measured(stages(folder / "1", {"task": str(folder / "both.yaml"), "metric": ""}))
    assert sorted(map(len, questions(found))) == [1, 3]
    assert {score.item for score in found.rows(ItemScore, of="scores")} == {"mine/0", "with_shots/0"}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("items.jsonl", "2+2", "2+3"),
        ("mine.yml", "{{", "Q: {{"),
        ("rules.py", "> 0", "> 1"),
        ("shots.jsonl", "1+1", "2+0"),
    ],
)
def test_whatever_its_score_depends_on_makes_it_another_benchmark(
    folder: Path, name: str, before: str, after: str
) -> None:
    it = stages(folder / "1", {"task": str(folder / "with_shots.yaml")})
    first = benchmarking.items(it)
    assert benchmarking.items(it) == first
    file = folder / name
    file.write_text(file.read_text().replace(before, after))
    assert benchmarking.items(it) != first
