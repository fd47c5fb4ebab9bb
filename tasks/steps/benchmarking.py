"""Benchmarks: their items once for all iterations, and what each model reaches on them."""

from tasks import benchmarks as stage
from tasks.artifacts import Draft, Ref, sha256
from tasks.benchmarks import SHIPPED, Request
from tasks.calls import Answer, Call
from tasks.home import user_path
from tasks.measure_config import Benchmark
from tasks.steps.base import Stages, save_rows

ITEMS, SCORES = "tasks.backends.benchmark_items", "tasks.backends.benchmark_scores"


def items(stages: Stages) -> Ref | None:
    """The benchmarks' requests, and their items as seeds that nothing may train on; None where there are none."""
    found = _benchmarks(stages)
    if not found:
        return None
    # Where a file lies is no part of what it says; what is scored, and how, is asked with the scores.
    unasked = {"data", "metric", "run_generated_code"}
    config = {
        name: one.model_dump(mode="json", exclude=unasked) | {"task": one.in_harness} for name, one in found.items()
    }
    inputs: dict[str, Ref | str] = {}
    for name, one in found.items():
        inputs |= {f"data {name}": sha256(user_path(one.data))} if one.data else {}
        inputs |= {f"task {name}": sha256(one.file)} if one.file else {}
    inputs |= {f"shipped {path.name}": sha256(path) for path in sorted(SHIPPED.iterdir()) if path.is_file()}
    spec = stages.spec("benchmark-items", stage.VERSION, config, inputs)
    given = {"benchmarks": _as_given(found)}
    return stages.job("benchmark items", spec, ITEMS, given, online=True)


def measure(stages: Stages, who: str, model: Ref, asked: Ref) -> Ref:
    """The score of each item: the model is asked in shards like everything else, and its replies are scored."""

    def requests() -> list[Request]:
        return stages.store.rows(asked, Request, "requests")

    def save(draft: Draft, calls: list[Call], answers: list[Answer]) -> None:
        save_rows(draft, len(calls), stage.replies(requests(), answers), [])

    spec = stages.spec("benchmark-replies", stage.VERSION, {}, {"model": model, "asked": asked})
    replies = stages.infer(f"benchmarks [{who}]", spec, model, lambda _: stage.calls(requests()), save)
    return scores(stages, who, model, asked, replies)


def scores(stages: Stages, who: str, model: Ref, asked: Ref, replies: Ref) -> Ref:
    """What the harness makes of a model's replies."""
    found = _benchmarks(stages)
    metrics = {name: one.model_dump(mode="json", include={"metric"}) for name, one in found.items()}
    given = {"benchmarks": _as_given(found), "model": model.digest}
    given["replies"] = str(stages.store.path(replies) / "rows.parquet")
    spec = stages.spec("benchmark-scores", stage.VERSION, metrics, {"asked": asked, "replies": replies})
    return stages.job(f"scores [{who}]", spec, SCORES, given)


def _benchmarks(stages: Stages) -> dict[str, Benchmark]:
    return stage.named(stages.recipe.evaluate.benchmarks)


def _as_given(found: dict[str, Benchmark]) -> dict[str, object]:
    """As a child is told: with the files' whole paths."""
    whole: dict[str, object] = {}
    for name, one in found.items():
        paths = {"data": str(user_path(one.data).resolve())} if one.data else {}
        paths |= {"task": str(one.file.resolve())} if one.file else {}
        whole[name] = one.model_copy(update=paths).model_dump(mode="json")
    return whole
