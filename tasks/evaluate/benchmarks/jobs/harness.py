"""lm-evaluation-harness: its tasks' requests, and its scores of the replies. In between, our own engine is asked.

The harness would ask a model itself; sent by us, a benchmark is sharded, cached and resumed like everything else,
and what it measures is the model in the dtype that is served. Both times the same requests are built, so that a reply
finds its request by what was asked.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.task import Task
from lm_eval.config.group import GroupConfig
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager
from lm_eval.tasks._index import Entry, Kind, TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml

from tasks.evaluate.benchmarks.own_task import OwnTask
from tasks.evaluate.benchmarks.requests import DEFAULT_NEW_TOKENS, SHIPPED, Request
from tasks.recipe.evaluation import Benchmark
from tasks.store.home import ROOT
from tasks.store.rows import SYSTEM

FEW_SHOT_SEED = 1234  # the harness's own default
OF_GROUPS = {field.name for field in fields(GroupConfig)}


class Tasks:
    """The tasks of some benchmarks, loaded; a benchmark may be a group of many."""

    def __init__(self, benchmarks: Mapping[str, Benchmark]):
        """Raises ValueError for a task that the harness does not know or cannot load."""
        self.benchmarks = benchmarks
        self.of: dict[str, dict[str, Task]] = {}
        for name, benchmark in benchmarks.items():
            try:
                self.of[name] = _loaded(name, benchmark)
            except Exception as error:  # of a task's own code, of a hub, of a file: the harness has no type of its own
                raise ValueError(
                    f"benchmark {name}: the harness could not load task {benchmark.task!r}: {error}"
                ) from error
            for task in self.of[name].values():
                task.set_fewshot_seed(FEW_SHOT_SEED)
                if task.OUTPUT_TYPE not in ("generate_until", "multiple_choice"):
                    raise ValueError(
                        f"benchmark {name}: {task.task_name} is of type {task.OUTPUT_TYPE}, expected generate_until "
                        "or multiple_choice: a chat model is asked questions"
                    )
                if getattr(task, "UNSAFE_CODE", False) and not benchmark.run_generated_code:
                    raise ValueError(
                        f"benchmark {name}: {task.task_name} runs code that the model wrote; set run_generated_code "
                        "for it to allow that, in a child without network"
                    )

    def instances(self, name: str) -> Iterator[tuple[str, Instance]]:
        """The benchmark's requests with the item each belongs to, in the harness's own order."""
        for task_name, task in self.of[name].items():
            task.build_all_requests(
                limit=self.benchmarks[name].items,
                system_instruction=SYSTEM,
                apply_chat_template=True,
                fewshot_as_multiturn=True,
                chat_template=_as_json,
            )
            for one in task.instances:
                if one.repeats != 1:
                    raise ValueError(f"benchmark {name}: {task_name} wants {one.repeats} samples an item, expected 1")
                yield f"{task_name}/{one.doc_id}", one

    def scored(self, name: str, said: Mapping[str, Any]) -> dict[str, Sequence[dict[str, Any]]]:
        """The harness's own samples of each of the benchmark's tasks, given what was said, by what was asked."""
        found = evaluate(
            lm=Replies(said),
            task_dict={"tasks": self.of[name], "groups": {}, "group_map": {}},
            limit=self.benchmarks[name].items,
            system_instruction=SYSTEM,
            apply_chat_template=True,
            fewshot_as_multiturn=True,
            bootstrap_iters=0,
            confirm_run_unsafe_code=self.benchmarks[name].run_generated_code,
        )
        samples: dict[str, Sequence[dict[str, Any]]] = found["samples"]
        return samples


class Replies(LM):  # type: ignore[misc]
    """A model that has said everything already."""

    def __init__(self, said: Mapping[str, Any]):
        super().__init__()
        self.said = said

    def generate_until(self, requests: list[Instance]) -> list[str]:
        return [_until(self.said[asked(one)], one.args[1].get("until") or []) for one in requests]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        return [(self.said[asked(one)], False) for one in requests]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise AssertionError("a perplexity task is refused when it is loaded")

    apply_chat_template = staticmethod(lambda history, add_generation_prompt=True: _as_json(history))
    tokenizer_name = ""


def asked(one: Instance) -> str:
    """What a reply is found by."""
    return json.dumps([one.request_type, one.args[0], one.args[1] if one.request_type == "loglikelihood" else ""])


def request(name: str, item: str, one: Instance, benchmark: Benchmark) -> Request:
    messages, prefix = json.loads(one.args[0]), ""
    if messages[-1]["role"] == "assistant":
        prefix = messages.pop()["content"]
    shared = {"benchmark": name, "item": item, "index": one.idx, "chat": json.dumps(messages), "prefix": prefix}
    if one.request_type == "loglikelihood":
        return Request(**shared, choice=one.args[1] if prefix else one.args[1].strip())
    wanted = one.args[1]
    of_the_task = wanted.get("max_gen_toks", DEFAULT_NEW_TOKENS)
    most = min(of_the_task, benchmark.max_new_tokens or of_the_task)
    warmth = wanted.get("temperature", 0.0) if wanted.get("do_sample") else 0.0
    return Request(**shared, max_new_tokens=most, temperature=warmth)


def _loaded(name: str, benchmark: Benchmark) -> dict[str, Task]:
    own = OwnTask(benchmark.file) if benchmark.file else None
    manager, task = (_with(own), own.name) if own else (_manager(benchmark.task not in _shipped()), benchmark.task)
    # By way of a group of ours: only a member's own values are merged over those of the task it names. And not by a
    # group's name, for its members would all get that.
    members = _tasks(manager.task_index, {"task": task}, _changes(benchmark, own))
    group = {"group": f"of {name}", "task": members}
    # Shipped tasks name their files from the project's root, a user's own from where they are.
    with contextlib.chdir(own.file.resolve().parent if own else ROOT):
        tasks: dict[str, Task] = manager.load([group])["tasks"]
    return tasks


def _tasks(index: Mapping[str, Entry], named: dict[str, Any], changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The task, or those of the group or tag of that name, each with the changes."""
    name = named.get("group") or named["task"]
    entry = index.get(name)
    if entry and entry.kind is Kind.TAG:
        return [one for tagged in sorted(entry.tags) for one in _tasks(index, {"task": tagged}, changes)]
    config = entry.cfg if entry else named
    if ("group" not in named and not (entry and entry.kind is Kind.GROUP)) or not config:
        return [{**named, **changes}]
    own = {key: value for key, value in config.items() if key not in OF_GROUPS}
    members = (one if isinstance(one, dict) else {"task": one} for one in config["task"])
    return [found for one in members for found in _tasks(index, {**own, **one}, changes)]


@cache
def _manager(everything: bool) -> TaskManager:
    """Knows the shipped tasks; the harness's 14,000 only where they are needed."""
    return TaskManager(include_path=[str(SHIPPED)], include_defaults=everything)


@cache
def _shipped() -> frozenset[str]:
    return frozenset(path.stem for path in SHIPPED.glob("*.yaml"))


def _with(own: OwnTask) -> TaskManager:
    """Knows the task in this file, and of a group its members: before any others of those names."""
    found: dict[str, Entry] = {}
    for file in (own.file, *own.members()):
        with contextlib.nullcontext() if file == own.file else contextlib.suppress(Exception):  # not the one named
            file = file.resolve()
            TaskIndex.process_cfg(load_yaml(file, resolve_func=False), file, found)
    named = [one.get("task") if isinstance(one, dict) else one for one in own.config["task"]] if own.is_group else []
    manager = TaskManager(
        include_path=[str(SHIPPED)], include_defaults=any(one not in found and one not in _shipped() for one in named)
    )
    manager.task_index.update(found)
    return manager


def _changes(benchmark: Benchmark, own: OwnTask | None) -> dict[str, Any]:
    changes: dict[str, Any] = {} if benchmark.shots is None else {"num_fewshot": benchmark.shots}
    if benchmark.data:
        changes |= {"dataset_path": "json", "dataset_name": None}
        changes |= {"dataset_kwargs": {"data_files": {"test": benchmark.data}}, "test_split": "test"}
    elif own and own.config.get("dataset_kwargs"):
        changes |= {"dataset_kwargs": own.dataset_kwargs()}
    return changes


def _as_json(history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
    """The chat as it is, for the engine's own template."""
    return json.dumps(history, ensure_ascii=False)


def _until(text: str, stops: Sequence[str]) -> str:
    """The text up to the first of the stop strings; the engine writes on to the end of its turn."""
    return text[: min([found for stop in stops if stop and (found := text.find(stop)) >= 0], default=len(text))]
