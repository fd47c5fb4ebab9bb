"""Scores of a model's replies to benchmarks, item by item, by the harness's own metrics.

    -m tasks.evaluate.benchmarks.jobs.scores JOB.json          (in the model environment)

`given`: benchmarks (config by name), replies (a Parquet file), model (its digest). A benchmark that runs what the model
wrote is scored in a sandbox.
"""

from collections.abc import Mapping
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
        rows += [ItemScore(benchmark=name, model=given["model"], **value) for value in values]
        job.say(f"benchmark {name}", number, len(given["benchmarks"]))
    with job.draft() as draft:
        draft.table("rows", rows)
        draft.record["counts"] = {"in": sum(map(len, said.values())), "out": len(rows)}
        of_each = {name: [row.value for row in rows if row.benchmark == name] for name in given["benchmarks"]}
        draft.record["benchmarks"] = {name: sum(values) / len(values) for name, values in of_each.items()}


def scores(name: str, config: Mapping[str, Any], said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Item, value and response of each; raises ValueError for a metric that is not one number an item."""
    benchmark = Benchmark.model_validate(config)
    tasks, found = Tasks({name: benchmark}), []
    by_what_was_asked = {asked(one): said[place(name, item, one.idx)] for item, one in tasks.instances(name)}
    for task, samples in tasks.scored(name, by_what_was_asked).items():
        filters = list(dict.fromkeys(sample["filter"] for sample in samples))
        metric, _, of_filter = benchmark.metric.partition(",")
        if of_filter and of_filter not in filters:
            raise ValueError(f"benchmark {name}: {task} has no filter {of_filter!r}; it has: {', '.join(filters)}")
        for sample in samples:
            if sample["filter"] == (of_filter or filters[0]):
                written = sample["resps"][0][0]
                response = written if isinstance(written, str) else ""
                value = _value(name, metric or sample["metrics"][0], sample)
                found.append({"item": f"{task}/{sample['doc_id']}", "value": value, "response": response})
    return found


def _value(name: str, metric: str, sample: Mapping[str, Any]) -> float:
    value = sample.get(metric)
    if not isinstance(value, int | float):
        usable = [other for other in sample["metrics"] if isinstance(sample[other], int | float)]
        raise ValueError(
            f"benchmark {name}: metric {metric!r} is not one number an item; give one of: {', '.join(usable) or 'none'}"
        )
    return float(value)


if __name__ == "__main__":
    run_job(work)
