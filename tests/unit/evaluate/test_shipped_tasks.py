"""Shipped tasks of lm-evaluation-harness: the rows of `choices`, and what the task files say."""

import ast
import json
import re
from collections import Counter
from math import sqrt
from typing import Any

import pytest
import yaml

from tasks.store.home import ROOT

PANEL = ROOT / "deployments" / "benchmarks"
TASKS = sorted(path.stem for path in PANEL.glob("*.yaml"))


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (PANEL / f"{name}.jsonl").read_text().splitlines()]


CHOICES = rows("choices")


class Loader(yaml.SafeLoader):
    """With the harness's `!function package.module.name` as that text."""


def as_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return loader.construct_scalar(node)


Loader.add_constructor("!function", as_text)


def task(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((PANEL / f"{name}.yaml").read_text(), Loader)
    return found


def functions(found: object) -> set[str]:
    """Every function that a task file names."""
    if isinstance(found, dict):
        return set().union(*map(functions, found.values()))
    if isinstance(found, list):
        return set().union(*map(functions, found))
    return {found} if isinstance(found, str) and found.startswith("tasks.") else set()


def test_every_question_has_four_different_choices_of_a_few_words() -> None:
    assert len(CHOICES) == 80
    for row in CHOICES:
        assert set(row) == {"question", "choices", "answer"}
        assert row["question"].endswith("?")
        assert len({choice.casefold() for choice in row["choices"]}) == 4
        assert all(2 <= len(choice.split()) <= 6 and choice.endswith(".") for choice in row["choices"]), row


def test_the_right_answers_stand_at_all_places_alike() -> None:
    assert Counter(row["answer"] for row in CHOICES) == {0: 20, 1: 20, 2: 20, 3: 20}


@pytest.mark.parametrize("extreme", [max, min])
def test_a_right_answer_is_not_known_by_its_length(extreme: Any) -> None:
    """The longest (shortest) choice is right about as often as if the right one were drawn: within two deviations."""
    shares, found = [], 0
    for row in CHOICES:
        lengths = [len(choice) for choice in row["choices"]]
        shares.append(lengths.count(extreme(lengths)) / 4)
        found += lengths[row["answer"]] == extreme(lengths)
    assert abs(found - sum(shares)) <= 2 * sqrt(sum(share * (1 - share) for share in shares))


def test_nothing_is_asked_twice() -> None:
    texts = [row["question"] for row in CHOICES]
    assert len({" ".join(re.findall(r"\w+", text.casefold())) for text in texts}) == len(texts)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_file_says_all_that_a_result_depends_on(name: str) -> None:
    found = task(name)
    assert found["task"] == name
    assert (found["num_fewshot"], found["metadata"].keys(), found["test_split"]) == (0, {"version"}, "test")
    assert all({"metric", "aggregation", "higher_is_better"} <= set(metric) for metric in found["metric_list"])
    if found["output_type"] == "generate_until":
        assert found["generation_kwargs"].keys() == {"until", "do_sample", "max_gen_toks"}
        assert found["generation_kwargs"]["until"] == [] and not found["generation_kwargs"]["do_sample"]
    files = found.get("dataset_kwargs", {}).get("data_files", {}).values()
    assert all((ROOT / file).is_file() for file in files)


def test_the_functions_that_task_files_name_are_there() -> None:
    named = set().union(*(functions(task(name)) for name in TASKS))
    assert named  # or `functions` finds none
    for name in named:
        module, _, function = name.rpartition(".")
        tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name
