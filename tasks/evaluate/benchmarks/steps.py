"""Benchmarks: their items once for all iterations, and each model's score on them."""

from collections.abc import Sequence

from tasks.engines.calls import Answer, Call
from tasks.evaluate.benchmarks import requests
from tasks.evaluate.benchmarks.own_task import OwnTask
from tasks.evaluate.benchmarks.requests import SHIPPED, Request
from tasks.execution.stage import Stages, save_rows
from tasks.recipe.evaluation import Benchmark
from tasks.store.artifacts import Draft, Ref
from tasks.store.files import sha256
from tasks.store.home import user_path

ITEMS, SCORES = "tasks.evaluate.benchmarks.jobs.items", "tasks.evaluate.benchmarks.jobs.scores"


def items(stages: Stages) -> Ref | None:
    """The benchmarks' requests, and their items as seeds that nothing may train on; None where there are none."""
    found = _benchmarks(stages)
    if not found:
        return None
    # Where a file lies is no part of what it says; what is scored, and how, is asked with the scores.
    unasked = {"data", "metric", "also", "in_gate", "run_generated_code"}
    inputs: dict[str, Ref | str] = {}
    for name, one in found.items():
        inputs |= {f"data {name}": sha256(user_path(one.data))} if one.data else {}
        files = OwnTask(one.file).files() if one.file else {}
        inputs |= {f"task {name}: {file}": sha256(path) for file, path in files.items()}
    inputs |= {f"shipped {path.name}": sha256(path) for path in sorted(SHIPPED.iterdir()) if path.is_file()}
    return stages.job(
        "benchmark-items",
        "benchmark items",
        version=requests.VERSION,
        config={
            name: one.model_dump(mode="json", exclude=unasked) | {"task": one.in_harness} for name, one in found.items()
        },
        inputs=inputs,
        module=ITEMS,
        given={"benchmarks": _as_given(found)},
        online=True,
    )


def measure(stages: Stages, who: str, model: Ref, asked: Ref) -> Ref:
    """The score of each item: the model is asked in shards like everything else, and its replies are scored."""

    def rows() -> Sequence[Request]:
        return stages.store.rows(asked, Request, "requests")

    def save(draft: Draft, calls: list[Call], answers: list[Answer]) -> None:
        save_rows(draft, len(calls), requests.replies(rows(), answers), [])

    replies = stages.infer(
        "benchmark-replies",
        f"benchmarks [{who}]",
        version=requests.VERSION,
        config={},
        inputs={"asked": asked},
        model=model,
        calls=lambda _: requests.calls(rows()),
        save=save,
    )
    return scores(stages, who, model, asked, replies)


def scores(stages: Stages, who: str, model: Ref, asked: Ref, replies: Ref) -> Ref:
    """What the harness makes of a model's replies."""
    found = _benchmarks(stages)
    given = {"benchmarks": _as_given(found), "model": model.digest}
    given["replies"] = str(stages.store.folder(replies) / "rows.parquet")
    return stages.job(
        "benchmark-scores",
        f"scores [{who}]",
        version=requests.VERSION,
        config={name: one.model_dump(mode="json", include={"metric", "also"}) for name, one in found.items()},
        inputs={"asked": asked, "replies": replies},
        module=SCORES,
        given=given,
    )


def _benchmarks(stages: Stages) -> dict[str, Benchmark]:
    return requests.named(stages.recipe.evaluate.benchmarks)


def _as_given(found: dict[str, Benchmark]) -> dict[str, object]:
    """As a job is given them: with the files' whole paths."""
    whole: dict[str, object] = {}
    for name, one in found.items():
        paths = {"data": str(user_path(one.data).resolve())} if one.data else {}
        paths |= {"task": str(one.file.resolve())} if one.file else {}
        whole[name] = one.model_copy(update=paths).model_dump(mode="json")
    return whole
