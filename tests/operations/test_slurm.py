"""Runs of a pool as jobs of Slurm: one that is requeued in the middle goes on with its run, and ends without one."""

import json
import os

import psutil
import pytest

from tasks.store.home import ROOT, Home
from tests.operations import slurm
from tests.operations.deaths import Deaths
from tests.operations.served import BRIEF, Served
from tests.support.processes import wait_until

JOB = ROOT / "infra" / "slurm" / "worker.sbatch"


@pytest.mark.long
def test_a_job_that_is_requeued_goes_on_with_its_run_and_ends_when_none_comes(served: Served) -> None:
    deaths = Deaths(served)
    worker = psutil.Process(json.loads((Home(served.home).services / "worker-cpu.json").read_text())["pid"])
    worker.kill()  # or it would take the run
    try:
        with slurm.running() as batch:
            env = served.environment | {"LANCE_ROOT": str(ROOT), "PATH": os.environ["PATH"]}
            job = batch.ask("sbatch", "--parsable", str(JOB), served.url, "lance-cpu", "0.3", env=env)
            run = served.start(asks=True, name="batch", recipe=BRIEF, settings=["sampling_seed=303"])
            deaths.wait_for("inference", run)
            batch.ask("scontrol", "requeue", job)
            wait_until(lambda: served.run(run)["state_name"] == "AwaitingRetry", 30, "handed back", every_s=0.2)
            wait_until(lambda: batch.state(job) == "PENDING", 60, "requeued", every_s=0.5)
            assert not served.computing()
            batch.ask("scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm waits two minutes otherwise
            found = served.wait(run)
            assert found["state_type"] == "COMPLETED", served.told(run)
            wait_until(lambda: batch.state(job) == "COMPLETED", 120, "it ends", every_s=0.5)
            log = batch.log(job)
            assert "handed back: " + run in log and "no run of lance-cpu came for 18 s" in log
    finally:
        served.up()
    assert (deaths.lost_rows("batch"), deaths.double_rows()) == (0, 0)
    assert len(served.ledger("batch")["iterations"]) == 1
