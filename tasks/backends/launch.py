"""Run a job in the model environment: job file in, supervised child, progress out, artifact there when it returns."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.artifacts import write_atomically
from tasks.backends.child import Child
from tasks.backends.platform import Platform, model_python
from tasks.jobs import Job

POLL_S = 0.3
Said = Callable[[dict[str, Any]], None]


def run(
    module: str,
    job: Job,
    on_progress: Said,
    *,
    trains_on: Platform | None = None,
    deadline_s: float | None = None,
    env: dict[str, str] | None = None,
) -> None:
    """Run `python -m module` on the job; raises ChildFailed. The work folder goes once the artifact stands."""
    write_atomically(job.file, job.model_dump_json(indent=1))
    job.progress_file.unlink(missing_ok=True)
    command = [str(model_python()), *launcher(trains_on), "-m", module, str(job.file)]
    threads = {"OMP_NUM_THREADS": str(trains_on.cores)} if trains_on and trains_on.name == "cpu" else {}
    with Child(
        module.rpartition(".")[2],
        command,
        job.work / "log.txt",
        env=threads | (env or {}),
        lock=trains_on.lock if trains_on else None,
        deadline_s=deadline_s,
    ) as child:
        child.wait_until_started()
        seen = 0
        running = True
        while running:
            running = child.poll() is None
            seen = _forward(job.progress_file, seen, on_progress)
            time.sleep(POLL_S if running else 0)
        child.check()
    shutil.rmtree(job.work)


def online() -> dict[str, str]:
    """What a child that fetches from a hub needs beside what all inherit: the hub's token and the way out."""
    names = ("HF_TOKEN", "HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    return {"HF_HUB_OFFLINE": "0"} | {name: os.environ[name] for name in names if name in os.environ}


def launcher(trains_on: Platform | None) -> list[str]:
    """accelerate's arguments: every value is given, so that a user's own accelerate configuration changes nothing."""
    if trains_on is None:
        return []
    shared = [
        "-m",
        "accelerate.commands.launch",
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
    ]
    if trains_on.name == "cpu":
        return [*shared, "--cpu", "--num_processes", "1", "--num_cpu_threads_per_process", str(trains_on.cores)]
    several = ["--multi_gpu"] if trains_on.gpus > 1 else []
    return [*shared, *several, "--num_processes", str(trains_on.gpus)]


def _forward(file: Path, seen: int, on_progress: Said) -> int:
    """Pass on the whole lines after the first `seen` characters; the number of characters seen since the beginning."""
    if not file.exists():
        return seen
    text = file.read_text(encoding="utf-8")
    end = text.rfind("\n") + 1
    for line in text[seen:end].splitlines():
        on_progress(json.loads(line))
    return end
