"""What dies, dies, and the run is finished all the same. Each death apart, on both databases: `make death-matrix`."""

import subprocess
from collections.abc import Callable

from tasks.store.home import ROOT
from tests.operations.deaths import Cell, Deaths
from tests.operations.served import BRIEF, ENDED, Served
from tests.support.evolution import LANCE
from tests.support.processes import wait_until

INFERENCE, TRAINING = "inference", "training"


def test_struck_by_what_can_die_a_run_goes_on_or_is_rerun_and_is_finished(served: Served) -> None:
    deaths, name = Deaths(served), "hardy"
    run = deaths.start(name)

    def outlived(victim: str, moment: str) -> None:
        deaths.strike(Cell(victim=victim, how="SIGKILL", moment=moment), run)()
        assert served.run(run)["state_type"] not in ENDED, victim

    def ends(as_state: str, strike: Callable[[], object]) -> None:
        own = [process.pid for process in served.computing()]
        strike()
        assert deaths.gone(own) < 30, as_state
        assert served.wait(run, within_s=60)["state_name"] == as_state
        deaths.rerun(run)

    def called_crashed() -> None:
        """By a person, or by the automation for silent runs where the machine was only slow."""
        state = {"state": {"type": "CRASHED", "name": "Called", "message": "it seemed silent"}, "force": True}
        served.api.post(f"/flow_runs/{run}/set_state", json=state).raise_for_status()

    deaths.wait_for(INFERENCE, run)
    outlived("engine", INFERENCE)
    outlived("server", INFERENCE)
    deaths.wait_for(TRAINING, run)
    outlived("trainer", TRAINING)
    wait_until(lambda: deaths.children("tasks.train.jobs.trl"), 120, "the trainer again", every_s=0.5)
    ends("Crashed", lambda: deaths.strike(Cell(victim="flow", how="SIGKILL", moment=TRAINING), run))
    for as_state, strike in (("Cancelled", lambda: served.lance("cancel", run[:8])), ("Called", called_crashed)):
        wait_until(lambda: deaths.children("vllm.entrypoints"), 300, "the candidate is asked", every_s=0.5)
        ends(as_state, strike)
    wait_until(lambda: deaths.children("vllm.entrypoints"), 300, "the candidate is asked", every_s=0.5)
    outlived("worker", INFERENCE)  # last: nobody but the automation would hear of the flow's death after that
    found = served.wait(run)
    assert found["state_type"] == "COMPLETED", found["state"]
    assert "Completed" not in served.states(run)["review [seeds]"][1:], "made again though it stood"
    assert (deaths.lost_rows(name), deaths.double_rows(), served.computing()) == (0, 0, [])
    assert len(served.ledger(name)["iterations"]) == 1
    refused = served.lance("cancel", run[:8])
    assert refused.returncode == 2 and "is Completed already" in refused.stderr


def test_a_run_of_the_command_line_whose_process_is_gone_is_marked(served: Served) -> None:
    settings = ["evolve", BRIEF, "--name", "by-hand", "--model", str(served.model), "--seeds", str(served.seeds)]
    process = subprocess.Popen([*LANCE, *settings], env=served.environment, cwd=ROOT, stderr=subprocess.DEVNULL)

    def listed() -> str:
        return next((line for line in served.lance("runs").stdout.splitlines() if "by-hand" in line), "")

    lock = served.home / "evolutions" / "by-hand" / "lock"
    wait_until(lambda: "Running" in listed() and lock.exists(), 60, "it runs", every_s=1)
    refused = served.lance("rerun", "by-hand")
    assert refused.returncode == 2 and "is Running: wait for it" in refused.stderr, refused.stderr
    process.kill()
    process.wait()
    assert "Running" in listed()
    assert "marked as Crashed" in served.lance("cancel", "by-hand").stdout
    assert "Crashed" in listed()
