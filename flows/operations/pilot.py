"""A worker in the foreground that takes runs of a pool and ends when none comes, as a batch job (`lance work`).

Told to end while a run is under way, as before a job's time is over, it hands the run back: the next one goes on.
"""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import httpx
import psutil

from flows.operations.server import answers, check_password
from flows.operations.service import flow_runs_of
from flows.operations.up import START_WORKER, WORKER, environment
from tasks.store.home import Home

HANDED_BACK = 75  # sysexits.h EX_TEMPFAIL: the job is to be queued again
LOOK_EVERY_S = 1.0
AWAY_S = 15.0  # batch systems kill 30 s after they have told a job to end
JOB = "SLURM_JOB_ID"
UNFINISHED = ("PENDING", "RUNNING", "CRASHED")  # crashed: its process was ended before ours was told
Runs = dict[UUID, psutil.Process]


def work(home: Home, server: str, pool: str, idle_s: float, say: Callable[[str], None]) -> int:
    """Returns once no run came for `idle_s` (0) or a SIGTERM ended one (HANDED_BACK).

    Raises ConnectionError without a server, ValueError for a home or a pool that the server does not know, OSError for
    a worker that ends by itself.
    """
    url = server.rstrip("/").removesuffix("/api")
    if not answers(f"{url}/api"):
        raise ConnectionError(f"--server {server}: no Prefect server answers at {url}/api")
    env = environment(home, url) | WORKER
    os.environ |= env
    check_password(f"{url}/api")
    _check(home, pool)
    name = f"{socket.gethostname()}-job-{os.environ.get(JOB) or os.getpid()}"
    with _told_to_end() as told:  # once more of that changes nothing
        worker = psutil.Popen([*START_WORKER, pool, "--name", name, "--limit", "1"], env=env, stdin=subprocess.DEVNULL)
        under_way = _until_nothing_comes(worker, told, idle_s)
        _end(worker, under_way)
        back = [run for run in under_way if _hand_back(run, say)]
    if not under_way:
        say(f"no run of {pool} came for {idle_s:.0f} s" if not told.is_set() else "told to end, and had no run")
    return HANDED_BACK if back else 0


def _check(home: Home, pool: str) -> None:
    from prefect.client.orchestration import get_client  # prefect reads its settings when it is imported
    from prefect.exceptions import ObjectNotFound

    from flows.operations.applied import Applied

    with get_client(sync_client=True) as client:
        Applied.read(client).check_home(home)
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            raise ValueError(f"--pool {pool}: the server has none of that name; `lance up` makes them") from None


@contextlib.contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    told = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: told.set())
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)


def _until_nothing_comes(worker: psutil.Popen, told: threading.Event, idle_s: float) -> Runs:
    """The runs that it has under way when it is over. A batch system may have ended their processes together with ours:
    so those of the look before count.
    """
    seen, found, last = Runs(), Runs(), time.monotonic()
    while time.monotonic() - last < idle_s:
        ends = told.wait(LOOK_EVERY_S)
        if worker.poll() is None:
            seen, found = found, flow_runs_of(worker)
        if ends:
            return found or seen
        if worker.poll() is not None:
            raise OSError(f"the worker ended with exit code {worker.poll()}")
        last = time.monotonic() if found else last
    return found


def _end(worker: psutil.Popen, runs: Runs) -> None:
    """The worker first: it would report what its runs end by. Engines and trainers end with a run (supervisor.py)."""
    for process in (worker, *runs.values()):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    worker.wait()


def _hand_back(run: UUID, say: Callable[[str], None]) -> bool:
    """Have it retried, unless it has ended or is being cancelled; a server that is away for a moment is waited for."""
    from prefect.client.orchestration import get_client

    from flows.operations.rerun import go_on

    until = time.monotonic() + AWAY_S
    while True:
        try:
            with get_client(sync_client=True) as client:
                state = client.read_flow_run(run).state
                if goes_on := state is None or state.type in UNFINISHED:
                    go_on(client, run, "handed back by a batch job that ended")
                    say(f"handed back: {run}")
                return goes_on
        except httpx.HTTPError as error:
            if time.monotonic() > until:
                say(f"not handed back, the server is away ({error}): `lance rerun {str(run)[:8]}` goes on with it")
                return True
            time.sleep(LOOK_EVERY_S)
