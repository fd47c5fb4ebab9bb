"""Rerun what failed, or from a stage on: on the server that ran it, or here."""

import time
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.states import AwaitingRetry

from flows.operations.runs import Run, mark_crashed
from tasks.evolution import ledger as ledgers
from tasks.store.home import Home

SECOND_REPORT_S = 15.0  # 5.5 s behind the first, measured on a busy machine
POLL_S = 0.5


def rerun(client: SyncPrefectClient, home: Home, run: Run, from_stage: str) -> str | dict[str, Any]:
    """What was done with it on its server; or, for a run without a deployment, what to run here.

    Finished stages come back as cached. Raises ValueError for a run under way, or a stage that it does not have.
    """
    if not run.ended and not mark_crashed(client, home, run):
        raise ValueError(f"run {run.id} is {run.state}: wait for it, or `lance cancel {str(run.id)[:8]}`")
    given = client.read_flow_run(run.id)
    parameters = dict(given.parameters)
    if from_stage and run.flow != "evolve":
        raise ValueError(f"run {run.id} is of {run.flow}: expected one of evolve, whose stages can be redone")
    if from_stage:
        ledger = ledgers.read(home.ledger(run.evolution))
        if ledger is None:
            raise ValueError(f"evolution {run.evolution!r} has no iteration yet whose stages can be redone")
        ledger.from_stage(from_stage, "")
        parameters |= {"from_stage": from_stage, "go_on": False, "iterations": len(ledger.iterations)}
    elif run.deployed and run.state != "Completed":
        go_on(client, run.id, "by `lance rerun`")
        return f"run {run.id} continues as soon as a worker takes it"
    if given.deployment_id is None:
        return parameters
    made = client.create_flow_run_from_deployment(given.deployment_id, parameters=parameters)
    return f"run {made.id} was created from its deployment, with the same parameters{_also(from_stage)}"


def go_on(client: SyncPrefectClient, run: UUID, why: str) -> None:
    """Have it retried. A worker reports a dead process twice, seconds apart: its second report ends nothing here."""
    until, state = time.monotonic() + SECOND_REPORT_S, None
    while time.monotonic() < until and (state is None or state.is_scheduled() or state.is_crashed()):
        if state is None or state.is_crashed():
            client.set_flow_run_state(run, AwaitingRetry(message=why), force=True)
        time.sleep(POLL_S)
        state = client.read_flow_run(run).state


def _also(from_stage: str) -> str:
    return f" and from {from_stage} on" if from_stage else ""
