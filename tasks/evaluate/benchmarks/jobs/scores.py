"""Scores of a model's replies to benchmarks, item by item, by the harness's own metrics.

    -m tasks.evaluate.benchmarks.jobs.scores JOB.json          (in the model environment)

`given`: benchmarks (config by name), replies (a Parquet file), model (its digest). A benchmark that runs what the model
wrote is scored in a sandbox.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq

from tasks.engines.processes import sandbox
from tasks.engines.processes.job import Job, run_job
from tasks.evaluate.benchmarks.jobs.harness import Tasks, asked
from tasks.evaluate.benchmarks.requests import ItemScore, Reply, place
from tasks.recipe.evaluation import Benchmark


def work(job: Job) -> None:
    given = job.given
    said: dict[str, dict[str, str | float | None]] = {}
    for row in pq.read_table(given["replies"]).to_pylist():
        reply = Reply.model_validate(row)
        found = reply.log_likelihood if reply.text is None else reply.text
        said.setdefault(reply.benchmark, {})[reply.request] = found
    rows: list[ItemScore] = []
    for number, (name, config) in enumerate(given["benchmarks"].items(), 1):
        arguments = {"name": name, "config": config, "said": said[name]}
        if config["run_generated_code"]:
            values = sandbox.run("tasks.evaluate.benchmarks.jobs.scores", "scores", arguments, job.work / "sandbox")
        else:
            values = scores(**arguments)
        rows += [ItemScore(model=given["model"], **value) for value in values]
        job.say(f"benchmark {name}", number, len(given["benchmarks"]))
    with job.draft() as draft:
        draft.table("rows", rows)
        draft.record["counts"] = {"in": sum(map(len, said.values())), "out": len(rows)}
        axes = dict.fromkeys(row.benchmark for row in rows)
        of_each = {name: [row.value for row in rows if row.benchmark == name] for name in axes}
        draft.record["benchmarks"] = {name: sum(values) / len(values) for name, values in of_each.items()}


def scores(name: str, config: Mapping[str, Any], said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Benchmark, item, value and response of each; raises ValueError for a metric that is not numbers."""
    benchmark = Benchmark.model_validate(config)
    tasks, found = Tasks({name: benchmark}), []
    by_what_was_asked = {asked(one): said[place(name, item, one.idx)] for item, one in tasks.instances(name)}
    of_task = tasks.scored(name, by_what_was_asked)
    for axis, metric in benchmark.metrics.items():
        for task, samples in of_task.items():
            chosen, metric_name = _filtered(name, task, samples, metric)
            values = _values(name, metric_name, chosen)
            for sample, value in zip(chosen, values, strict=True):
                written = sample["resps"][0][0]
                response = written if isinstance(written, str) else ""
                found.append(
                    {"benchmark": axis, "item": f"{task}/{sample['doc_id']}", "value": value, "response": response}
                )
    return found


def _filtered(
    name: str, task: str, samples: Sequence[Mapping[str, Any]], metric: str
) -> tuple[list[Mapping[str, Any]], str]:
    """The samples of METRIC,FILTER, and the metric's name."""
    filters = list(dict.fromkeys(sample["filter"] for sample in samples))
    metric_name, _, of_filter = metric.partition(",")
    if of_filter and of_filter not in filters:
        raise ValueError(f"benchmark {name}: {task} has no filter {of_filter!r}; it has: {', '.join(filters)}")
    chosen = [sample for sample in samples if sample["filter"] == (of_filter or filters[0])]
    return chosen, metric_name or chosen[0]["metrics"][0]


def _values(name: str, metric: str, samples: Sequence[Mapping[str, Any]]) -> list[float]:
    """One number an item, so that their mean is the metric.

    Of a metric with several entries an item (IFEval's instructions), an item's number is what it adds to the share of
    all entries.
    """
    found = [sample.get(metric) for sample in samples]
    if all(isinstance(value, int | float) for value in found):
        return [float(value) for value in found]  # type: ignore[arg-type]
    if not all(isinstance(value, list) for value in found):
        usable = [one for one in samples[0]["metrics"] if isinstance(samples[0][one], int | float | list)]
        raise ValueError(
            f"benchmark {name}: metric {metric!r} is no number an item; give one of: {', '.join(usable) or 'none'}"
        )
    entries = sum(map(len, found))  # type: ignore[arg-type]
    return [sum(value) * len(found) / max(entries, 1) for value in found]  # type: ignore[arg-type]


if __name__ == "__main__":
    run_job(work)
