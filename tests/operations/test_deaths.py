"""What dies, dies, and the run is finished all the same. Each death apart, on both databases: `make death-matrix`."""

import subprocess
import time

from tests.evolution import LANCE, ROOT
from tests.operations.deaths import Cell, Deaths
from tests.operations.served import BRIEF, ENDED, Served
from tests.processes import wait_until


def test_engine_worker_and_trainer_are_killed_and_the_run_ends_by_itself(served: Served) -> None:
    deaths, name = Deaths(served), "hardy"
    run = deaths.start(name)
    for victim, moment in (("engine", "inference"), ("worker", "inference"), ("trainer", "training")):
        deaths.wait_for(moment, run)
        mend = deaths.strike(Cell(victim=victim, how="SIGKILL", moment=moment), run)
        mend()
    found = served.wait(run)
    assert found["state_type"] == "COMPLETED", found["state"]
    assert (deaths.lost_rows(name), deaths.double_rows(), served.computing()) == (0, 0, [])
    assert len(served.ledger(name)["iterations"]) == 1


def test_server_and_flow_are_killed_and_a_rerun_finishes_the_run(served: Served) -> None:
    deaths, name = Deaths(served), "helped"
    run = deaths.start(name)
    deaths.wait_for("inference", run)
    deaths.strike(Cell(victim="server", how="SIGKILL", moment="inference"), run)()
    if served.run(run)["state_type"] in ENDED:
        served.lance("rerun", run[:8])
    deaths.wait_for("training", run)
    own = [process.pid for process in served.computing()]
    deaths.strike(Cell(victim="flow", how="SIGKILL", moment="training"), run)
    assert deaths.gone(own) < 30
    assert served.wait(run, within_s=60)["state_name"] == "Crashed"
    assert deaths.finish(run) == 1
    assert "Completed" not in served.states(run)["review [seeds]"][1:], "made again though it stood"
    assert (deaths.lost_rows(name), deaths.double_rows(), served.computing()) == (0, 0, [])
    assert len(served.ledger(name)["iterations"]) == 1


def test_a_run_that_is_cancelled_leaves_nothing_and_can_be_finished(served: Served) -> None:
    found = Deaths(served).die(Cell(victim="run", how="cancel", moment="inference"))
    assert found.well and found.state == "Cancelled", found
    assert (found.reruns, found.ended_s < 60) == (1, True), found
    refused = served.lance("cancel", "run-cancel-inference")
    assert refused.returncode == 2 and "is Completed already" in refused.stderr
    wait_until(lambda: not served.computing(), 10, "nothing computes")


def test_a_run_that_is_called_crashed_lets_go_of_the_device(served: Served) -> None:
    """By a person, or by the automation for silent runs where the machine was only slow."""
    deaths = Deaths(served)
    run = deaths.start("called-crashed")
    deaths.wait_for("inference", run)
    own = [process.pid for process in served.computing()]
    state = {"state": {"type": "CRASHED", "message": "it seemed silent"}, "force": True}
    served.api.post(f"/flow_runs/{run}/set_state", json=state).raise_for_status()
    assert deaths.gone(own) < 30
    assert served.run(run)["state_type"] == "CRASHED"


def test_a_run_of_the_command_line_whose_process_is_gone_is_marked(served: Served) -> None:
    settings = ["evolve", BRIEF, "--name", "by-hand", "--model", str(served.model), "--seeds", str(served.seeds)]
    process = subprocess.Popen([*LANCE, *settings], env=served.environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    began = time.monotonic()

    def listed() -> str:
        return next((line for line in served.lance("runs").stdout.splitlines() if "by-hand" in line), "")

    wait_until(lambda: "Running" in listed(), 60, "it runs", every_s=1)
    refused = served.lance("rerun", "by-hand")
    assert refused.returncode == 2 and "is Running: wait for it" in refused.stderr, refused.stderr
    process.kill()
    process.wait()
    # Until then it may be one that has not yet taken its evolution.
    time.sleep(max(0.0, 25 - (time.monotonic() - began)))
    assert "Running" in listed()
    assert "it is Crashed now" in served.lance("cancel", "by-hand").stdout
    assert "Crashed" in listed()
