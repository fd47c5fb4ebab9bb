"""What dies, dies: one cell a victim, on SQLite. All cells on both databases: `make death-matrix`."""

import pytest

from tests.operations.deaths import Cell, Deaths
from tests.operations.served import Served

# Victim, when, and how its run ends before anybody helps.
CELLS = [
    ("flow", "training", ("Crashed",)),
    ("engine", "inference", ("Completed",)),
    ("trainer", "training", ("Completed",)),
    ("worker", "inference", ("Completed",)),
    ("server", "inference", ("Completed", "Crashed", "Failed")),
]


@pytest.mark.parametrize(("victim", "moment", "states"), CELLS)
def test_a_run_ends_well_whatever_is_killed(served: Served, victim: str, moment: str, states: tuple[str, ...]) -> None:
    found = Deaths(served).die(Cell(victim=victim, how="SIGKILL", moment=moment))
    assert found.well and found.state in states, found
    if victim == "flow":
        assert found.ended_s < 60 and found.orphans_gone_s is not None, found


def test_a_run_that_is_cancelled_leaves_nothing_and_can_be_finished(served: Served) -> None:
    found = Deaths(served).die(Cell(victim="run", how="cancel", moment="inference"))
    assert found.well and found.state == "Cancelled", found
    assert (found.reruns, found.ended_s < 60) == (1, True), found
    refused = served.lance("cancel", "run-cancel-inference")
    assert refused.returncode == 2 and "is Completed already" in refused.stderr
