"""What benchmarks ask: their requests, and their items as what nothing may be trained on.

    -m tasks.evaluate.benchmarks.jobs.items JOB.json          (in the model environment)

`given`: benchmarks (config by name). The artifact has the tables `requests` and `items`.
"""

from tasks.engines.processes.job import Job, run_job
from tasks.evaluate.benchmarks.jobs.harness import Tasks, request
from tasks.recipe.evaluation import Benchmark
from tasks.store.rows import Seed


def work(job: Job) -> None:
    benchmarks = {name: Benchmark.model_validate(config) for name, config in job.given["benchmarks"].items()}
    tasks = Tasks(benchmarks)
    requests, items = [], []
    for number, (name, benchmark) in enumerate(benchmarks.items(), 1):
        for item, one in tasks.instances(name):
            requests.append(request(name, item, one, benchmark))
            if one.idx == 0:
                task = tasks.of[name][one.task_name]
                asked, wanted = (str(text).strip() for text in (task.doc_to_text(one.doc), _answer(task, one.doc)))
                items.append(Seed(instruction=asked or item, response=wanted, source=f"{name}:{item}"))
        job.say(f"benchmark {name}", number, len(benchmarks))
    with job.draft() as draft:
        draft.table("requests", requests)
        draft.table("items", items)
        counts = {name: sum(item.source.startswith(f"{name}:") for item in items) for name in benchmarks}
        draft.record["counts"] = {"in": len(benchmarks), "out": len(items)} | counts


def _answer(task: object, doc: object) -> str:
    """The right answer in words; of a choice, the chosen text."""
    wanted = task.doc_to_target(doc)  # type: ignore[attr-defined]
    if task.OUTPUT_TYPE == "multiple_choice" and isinstance(wanted, int):  # type: ignore[attr-defined]
        wanted = task.doc_to_choice(doc)[wanted]  # type: ignore[attr-defined]
    return str(wanted)


if __name__ == "__main__":
    run_job(work)
