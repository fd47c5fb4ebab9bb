"""One device, several runs: never two of them on it at once, whatever the server believes."""

import json
import signal
import tempfile
import time
from itertools import groupby
from pathlib import Path

import psutil
import pytest

from tasks.store.home import Home
from tests.operations.deaths import Deaths
from tests.operations.served import BRIEF, Served
from tests.support.processes import wait_until

AWAY_S = 20  # the server: the second run opens its clients while nobody is there


@pytest.fixture
def lock() -> Path:
    """The device lock that the runs take; its content is its log."""
    path = Path(tempfile.gettempdir()) / "lance-device-cpu.lock"
    path.write_text("")
    return path


def held(lock: Path) -> list[tuple[float, str, str]]:
    """When, by whom, what."""
    lines = [line.split(maxsplit=2) for line in lock.read_text().splitlines()]
    return [(float(when), pid, what) for when, pid, what in lines]


def _all_let_go(log: list[tuple[float, str, str]]) -> bool:
    """Each run as often as it took it."""
    by_run = {run: [what for _, by, what in log if by == run] for _, run, _ in log}
    return all(said.count("took") == said.count("let go") for said in by_run.values())


def test_two_runs_on_one_slot_never_compute_at_once(served: Served, lock: Path) -> None:
    """Also while one is being cancelled and ends slowly, and behind a server that was restarted."""
    deaths = Deaths(served)
    first = served.start(name="slot-1", recipe=BRIEF, settings=["sampling_seed=101"])
    deaths.wait_for("inference", first)
    for engine in deaths.victims("engine", first):
        engine.send_signal(signal.SIGSTOP)  # ends slowly: its supervisor has to kill it
    second = served.start(name="slot-2", recipe=BRIEF, settings=["sampling_seed=102"])
    served.wait(second, ("RUNNING",))
    assert served.lance("cancel", first[:8]).returncode == 0
    psutil.Process(json.loads((Home(served.home).services / "prefect-server.json").read_text())["pid"]).kill()
    time.sleep(AWAY_S)
    served.up()
    assert served.wait(first)["state_type"] in ("CANCELLED", "CRASHED")
    wait_until(lambda: len(held(lock)) >= 4, 300, "the second one's trainer, beside its engine", every_s=1)
    assert served.lance("cancel", second[:8]).returncode == 0
    assert served.wait(second)["state_type"] == "CANCELLED", served.run(second)["state"]
    wait_until(lambda: _all_let_go(held(lock)), 60, "all let go, which may be behind the state")
    log = held(lock)
    runs = [run for _, run, _ in log]
    # Engine and trainer of one run share it; all of them let go before another run takes it.
    assert len(list(groupby(runs))) == len(set(runs)) == 2
