"""One device, several runs: never two children on it at once, whatever the server believes."""

import json
import signal
import tempfile
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from tests.operations.deaths import Deaths
from tests.operations.served import BRIEF, Served


@pytest.fixture
def lock() -> Path:
    """The device lock that the runs take; its content is its log."""
    path = Path(tempfile.gettempdir()) / "lance-device-cpu.lock"
    assert path.exists(), "no run has computed here yet"
    path.write_text("")
    return path


def held(lock: Path) -> list[tuple[float, str, str]]:
    """When, by whom, what; the kernel lets go for one that was killed, who says nothing."""
    lines = [line.split(maxsplit=2) for line in lock.read_text().splitlines()]
    return [(float(when), pid, what) for when, pid, what in lines]


def test_two_runs_on_one_slot_never_compute_at_once(served: Served, lock: Path) -> None:
    """Also while one is being cancelled and ends slowly, and behind a server that was restarted."""
    deaths = Deaths(served)
    first = served.start(name="slot-1", recipe=BRIEF, settings=["sampling_seed=101"])
    deaths.wait_for("inference", first)
    second = served.start(name="slot-2", recipe=BRIEF, settings=["sampling_seed=102"])
    served.wait(second, ("RUNNING",))
    engine = deaths.victims("engine", first)[0]
    engine.send_signal(signal.SIGSTOP)  # ends slowly: its supervisor has to kill it
    assert served.lance("cancel", first[:8]).returncode == 0
    psutil.Process(json.loads((served.home / "services" / "prefect-server.json").read_text())["pid"]).kill()
    served.up()
    assert served.wait(first)["state_type"] in ("CANCELLED", "CRASHED")
    third = served.start(
        name="slot-3", recipe=BRIEF, settings=["sampling_seed=102"]
    )  # what the second one wrote is there
    for run in (second, third):
        assert served.wait(run)["state_type"] == "COMPLETED", served.run(run)["state"]
    log = held(lock)
    assert len({pid for _, pid, _ in log}) >= 6, "engines and trainers of three runs"
    assert log == sorted(log), "the log is in the order of time"
    for (_, before, did), (_, after, then) in pairwise(log):
        # Who lets go is who took; who takes comes behind one that let go, or was killed.
        assert (then == "let go") <= (did == "took" and before == after), (before, did, after, then)
        assert (then == "took") <= (did == "let go" or not psutil.pid_exists(int(before))), (before, did, after, then)
    assert {before for (_, before, did), (_, _, then) in pairwise(log) if (did, then) == ("took", "took")} == set()
