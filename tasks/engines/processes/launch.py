"""Run a job in the model environment: job file in, supervised child, progress out, artifact there when it returns."""

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tasks.engines.processes.child import Child
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.job import Job
from tasks.engines.processes.platform import Platform, model_python, visible_gpus
from tasks.engines.processes.together import Together
from tasks.store.artifacts import Store
from tasks.store.files import write_atomically

POLL_S = 0.3
CHECK_EVERY_S = 5.0
WAITING = "waiting for the device, which is in use by another run"
Said = Callable[[dict[str, Any]], None]


class Started(NamedTuple):
    """By what a job is started, in how many processes of this machine; `check` raises once it is to be ended."""

    processes: int
    arguments: tuple[str, ...] = ()
    check: Callable[[], None] = lambda: None


ALONE = Started(1)


def run(module: str, job: Job, on_progress: Said, env: dict[str, str] | None = None) -> None:
    """Run `python -m module` on the job; raises ChildFailed, or ValueError with what is wrong with the job's input.

    The work folder is removed behind it. A second run that wants the same artifact waits for the first.
    """
    with _only_one(job):
        _run(module, job, on_progress, env or {})


def train(
    module: str,
    job: Job,
    on_progress: Said,
    platform: Platform,
    device: DeviceLock,
    *,
    deadline_s: float | None,
    together: Together | None = None,
) -> None:
    """As `run`, on the device, by as many `processes` as the job is given: `auto`, one for each GPU.

    The job is also given whether that is the `cpu`, the device's own `dtype` where it leaves that open, and of how many
    `machines` this is one, if it trains `together` with others. The first of them makes the artifact.
    """
    processes = platform.processes(job.given.get("processes", "auto"))
    of_device = {"cpu": platform.name == "cpu", "dtype": platform.dtype(job.given.get("dtype", "auto"))}
    of_device |= {"machines": together.machines if together else 1}
    on_it = job.model_copy(update={"given": job.given | of_device})
    started = launcher(processes, together)
    env = together.environment if together else {}
    with _only_one(job):
        _run(module, on_it, on_progress, env, (platform, device), started, deadline_s)


def _run(
    module: str,
    job: Job,
    on_progress: Said,
    env: dict[str, str],
    trains_on: tuple[Platform, DeviceLock] | None = None,
    started: Started = ALONE,
    deadline_s: float | None = None,
) -> None:
    if Store(job.store).find(job.spec):
        return
    write_atomically(job.file, job.model_dump_json(indent=1))
    job.progress_file.unlink(missing_ok=True)
    job.refusal_file.unlink(missing_ok=True)
    command = [str(model_python()), *started.arguments, "-m", module, str(job.file)]
    # Threads spin shortly before they sleep, as the engine's do (tasks/engines/vllm.py). SFT of SmolLM2, two cores: 217
    # tokens a second alone and 107 beside a busy process; asleep at once (OMP_WAIT_POLICY=PASSIVE) 180 and 132; by
    # 20,000 turns 226 and 46, by libgomp's default of 300,000 199 alone.
    threads = {}
    platform, device = trains_on or (None, None)
    processes = started.processes
    if platform and platform.gpus > processes:  # or the one process spreads each batch over all of them
        threads = {"CUDA_VISIBLE_DEVICES": ",".join(visible_gpus()[:processes])}
    if platform and platform.name == "cpu":
        threads = {"OMP_NUM_THREADS": str(max(1, len(platform.cores) // processes)), "GOMP_SPINCOUNT": "2000"}
    with Child(
        module.rpartition(".")[2],
        command,
        job.work / "log.txt",
        env=threads | env,
        device=device,
        deadline_s=deadline_s,
    ) as child:
        child.wait_until_started(lambda: on_progress({"what": WAITING, "done": 0, "total": 0, "figures": {}}))
        seen, checked = 0, time.monotonic()
        running = True
        while running:
            running = child.poll() is None
            if running and time.monotonic() > checked + CHECK_EVERY_S:
                started.check()
                checked = time.monotonic()
            seen = forward(job.progress_file, seen, on_progress)
            time.sleep(POLL_S if running else 0)
        # A launcher may swallow the exit code, so the job leaves its refusal in a file.
        if job.refusal_file.exists():
            raise ValueError(job.refusal_file.read_text(encoding="utf-8"))
        child.check()


@contextlib.contextmanager
def _only_one(job: Job) -> Iterator[None]:
    """Hold the job's work folder for one run, and remove it behind it; the kernel lets go when a run dies."""
    folder, lock = job.work, job.work.with_name(f"{job.work.name}.lock")  # NFS has no locks on folders
    folder.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _only(lock)
    try:
        folder.mkdir(exist_ok=True)
        yield
        shutil.rmtree(folder)
        lock.unlink()
    finally:
        os.close(descriptor)


def _only(lock: Path) -> int:
    """A descriptor that holds the file that is there: the one before may have removed what it held."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if lock.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)


def online() -> dict[str, str]:
    """What a child that fetches from a hub needs beside what all inherit: the hub's token and the way out."""
    names = ("HF_TOKEN", "HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    return {"HF_HUB_OFFLINE": "0"} | {name: os.environ[name] for name in names if name in os.environ}


def pip() -> dict[str, str]:
    """What a child that fetches from a package index needs: where that is, with a password perhaps, and the way out."""
    return {key: value for key, value in os.environ.items() if key.startswith("PIP_")} | online()


def trackers() -> dict[str, str]:
    """What a child that tells experiment trackers needs: their own settings and keys, and the way out."""
    own = {key: value for key, value in os.environ.items() if key.startswith(("WANDB_", "MLFLOW_", "TRACKIO_"))}
    return own | online()


def launcher(processes: int, together: Together | None = None) -> Started:
    """By torchrun where several processes train; one needs no launcher, which takes 10 s on two cores.

    Not accelerate's launcher: it has none for several processes on a CPU, and adds a user's own configuration.
    """
    if processes < 2 and together is None:
        return ALONE
    here = ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1"]
    meeting = together.arguments if together else here
    by = ("-m", "torch.distributed.run", "--nproc-per-node", str(processes), *meeting)
    return Started(processes, by, together.check if together else ALONE.check)


def forward(file: Path, seen: int, on_progress: Said) -> int:
    """Pass on the whole lines after the first `seen` characters; the number of characters seen since the beginning."""
    if not file.exists():
        return seen
    text = file.read_text(encoding="utf-8")
    end = text.rfind("\n") + 1
    for line in text[seen:end].splitlines():
        on_progress(json.loads(line))
    return end
