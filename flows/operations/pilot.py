"""A worker in the foreground that takes runs of a pool and ends when none comes, as a batch job (`lance work`).

Told to end while a run is under way, as before a job's time is over, it hands the run back: the next one goes on.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import psutil

from flows.operations.server import answers, check_password
from flows.operations.service import flow_runs_of
from flows.operations.up import WORKER, environment
from tasks.store.home import Home

HANDED_BACK = 75  # sysexits.h EX_TEMPFAIL: the job is to be queued again
LOOK_EVERY_S = 1.0
JOB = "SLURM_JOB_ID"


def work(home: Home, server: str, pool: str, idle_s: float, say: Callable[[str], None]) -> int:
    """Returns once no run came for `idle_s` (0) or a SIGTERM ended one (HANDED_BACK).

    Raises ConnectionError without a server, OSError for a worker that ends by itself.
    """
    url = server.rstrip("/").removesuffix("/api")
    if not answers(f"{url}/api"):
        raise ConnectionError(f"--server {server}: no Prefect server answers at {url}/api")
    env = environment(home, url) | WORKER
    os.environ |= env
    check_password(f"{url}/api")
    name = f"{socket.gethostname()}-job-{os.environ.get(JOB) or os.getpid()}"
    command = [sys.executable, "-m", "prefect", "worker", "start", "--type", "process", "--pool", pool]
    with _told_to_end() as told:
        worker = psutil.Popen([*command, "--name", name, "--limit", "1"], env=env, stdin=subprocess.DEVNULL)
        under_way = _until_nothing_comes(worker, told, idle_s)
        _end(worker)
    if not under_way:
        say(f"no run of {pool} came for {idle_s:.0f} s" if not told.is_set() else "told to end, and had no run")
        return 0
    _hand_back(under_way)
    say(f"handed back: {', '.join(map(str, under_way))}")
    return HANDED_BACK


@contextlib.contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    told = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: told.set())
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)


def _until_nothing_comes(worker: psutil.Popen, told: threading.Event, idle_s: float) -> list[UUID]:
    """The runs that it has under way when it is over. A batch system may have ended their processes together with ours:
    so those of the look before count.
    """
    seen, found, last = list[UUID](), list[UUID](), time.monotonic()
    while time.monotonic() - last < idle_s:
        ends = told.wait(LOOK_EVERY_S)
        seen, found = found, flow_runs_of(worker)
        if ends:
            return found or seen
        if worker.poll() is not None:
            raise OSError(f"the worker ended with exit code {worker.poll()}")
        last = time.monotonic() if found else last
    return found


def _end(worker: psutil.Popen) -> None:
    """The worker first: it would report what its runs end by."""
    # Engines and trainers end with their run: supervisor.py.
    family = [worker, *worker.children()] if worker.poll() is None else []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    worker.wait()


def _hand_back(runs: list[UUID]) -> None:
    from prefect.client.orchestration import get_client  # prefect reads its settings when it is imported

    from flows.operations.rerun import go_on

    with get_client(sync_client=True) as client:
        for run in runs:
            go_on(client, run, "handed back by a batch job that ended")
