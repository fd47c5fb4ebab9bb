"""A user's own benchmark task: what it says with what it includes, and each file that its scores depend on."""

import json
from pathlib import Path

import pytest

from flows.plan.benchmark_shape import asks
from tasks.evaluate.benchmarks.own_task import OwnTask
from tasks.recipe.evaluation import Benchmark

TASK = """
include: base.yml
task: maths
dataset_kwargs: {data_files: {test: data/*.jsonl, train: shots.jsonl}}
doc_to_text: question
process_results: !function rules.score
"""
BASE = "dataset_path: json\ntest_split: test\noutput_type: generate_until\ndoc_to_text: asked\nnum_fewshot: 1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "maths.yaml": TASK,
        "base.yml": BASE,
        "data/1.jsonl": json.dumps({"question": "2+2?", "answer": "4"}) + "\n",
        "data/2.jsonl": json.dumps({"question": "2+3?", "answer": "5"}) + "\n",
        "shots.jsonl": json.dumps({"question": "1+1?", "answer": "2"}) + "\n",
        "rules.py": "from helpers import score\n",
        "helpers.py": "def score(doc, results): return {}\n",
        "notes.txt": "of no matter",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_it_says_goes_before_what_it_includes(folder: Path) -> None:
    task = OwnTask(folder / "maths.yaml")
    assert (task.name, task.config["doc_to_text"], task.config["num_fewshot"]) == ("maths", "question", 1)
    assert task.config["process_results"] == "rules.score"
    assert task.dataset_kwargs()["data_files"] == {
        "test": [str(folder / "data/1.jsonl"), str(folder / "data/2.jsonl")],
        "train": [str(folder / "shots.jsonl")],
    }


def test_its_files_are_all_that_a_score_depends_on(folder: Path) -> None:
    named = ["base.yml", "data/1.jsonl", "data/2.jsonl", "helpers.py", "maths.yaml", "rules.py", "shots.jsonl"]
    assert sorted(OwnTask(folder / "maths.yaml").files()) == named
    (folder / "maths.yaml").write_text(TASK.replace("!function ", ""))
    assert sorted(OwnTask(folder / "maths.yaml").files()) == [name for name in named if not name.endswith(".py")]


def test_a_groups_files_are_those_of_its_folder(folder: Path) -> None:
    (folder / "all.yaml").write_text("group: all\ntask: [maths]\n")
    group = OwnTask(folder / "all.yaml")
    assert (group.name, group.is_group) == ("all", True)
    assert {"all.yaml", "maths.yaml", "base.yml", "rules.py", "shots.jsonl"} <= set(group.files())


def test_a_plan_counts_the_items_of_its_test_split(folder: Path) -> None:
    found = asks(Benchmark(task=str(folder / "maths.yaml")))
    assert found and found.texts == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("include: maths.yaml\ntask: x\n", "includes itself"),
        ("include: none.yaml\ntask: x\n", r"none.yaml: no such file, which .*maths.yaml includes"),
        ("task: [\n", "maths.yaml: expected a task of lm-evaluation-harness in YAML"),
        ("- task\n", "in YAML, found list"),
        ("doc_to_text: x\n", "with `task: NAME` in it, or a group"),
    ],
)
def test_what_is_no_task_is_named(folder: Path, text: str, says: str) -> None:
    (folder / "maths.yaml").write_text(text)
    with pytest.raises(ValueError, match=says):
        _ = OwnTask(folder / "maths.yaml").config
