"""What dies, dies: one cell a victim. All cells on both databases: `make death-matrix`."""

import signal

import pytest

from tests.operations.deaths import Deaths, expected
from tests.operations.served import Served

CELLS = [
    ("flow", "training"),
    ("engine", "inference"),
    ("trainer", "training"),
    ("worker", "inference"),
    ("server", "inference"),
]


@pytest.mark.parametrize(("victim", "moment"), CELLS)
def test_a_run_ends_well_whatever_is_killed(served: Served, victim: str, moment: str) -> None:
    found = Deaths(served).die(victim, signal.SIGKILL, moment)
    wanted = expected(victim)
    assert (found.double_rows, found.iterations) == (wanted["double_rows"], wanted["iterations"]), found
    assert wanted["state"] in (None, found.state), found
    assert not served.computing()
    if victim == "flow":
        assert found.state in ("Crashed", "Failed") and found.ended_s < 60, found


def test_cancelled_from_the_command_line_nothing_is_left(served: Served) -> None:
    deaths = Deaths(served)
    run = served.start(name="cancelled", settings=["sampling_seed=77"])
    deaths.wait_for("inference", run)
    done = served.lance("cancel", "cancelled")
    assert done.returncode == 0, done.stderr
    assert served.wait(run, within_s=120)["state_type"] == "CANCELLED"
    assert not served.computing()
    assert "cancelled" in served.lance("cancel", "cancelled").stderr.lower()
