"""Runs as the Prefect server knows them, with what the ledgers know: what `lance runs`, `logs`, `cancel` do."""

import itertools
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterParentFlowRunId,
    LogFilter,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, StateType, TaskRun
from prefect.client.schemas.sorting import FlowRunSort, LogSort
from prefect.states import Cancelled, Cancelling, Crashed
from pydantic import BaseModel, ConfigDict

from tasks.evolution import ledger as ledgers
from tasks.evolution import lock
from tasks.evolution.lookup import Awaited
from tasks.recipe import recipe as recipes
from tasks.store.home import Home

FLOWS = ("evolve", "evaluate", "export")
BEGUN = {StateType.PENDING, StateType.RUNNING, StateType.CANCELLING}
ENDED = {StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED}
PAGE = 200  # what the API gives at once
POLL_S = 2.0
SKEW = timedelta(minutes=1)  # of the server's clock
LATE = timedelta(minutes=1)  # each process sends its lines by itself, some seconds after they were written


class Run(BaseModel):
    """`at` is when it was started, or was to start; `stage` the one that runs, or the one it failed in."""

    model_config = ConfigDict(frozen=True)
    id: UUID
    flow: str
    evolution: str
    state: str
    message: str
    iteration: int | None
    stage: str
    verdict: str
    at: datetime
    ended: bool
    begun: bool  # a process is on its way, or there
    deployed: bool

    @property
    def age(self) -> str:
        seconds = max(0.0, (datetime.now(UTC) - self.at).total_seconds())
        for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
            if seconds >= size:
                return f"{seconds / size:.0f} {unit}"
        return f"{seconds:.0f} s"


def runs(client: SyncPrefectClient, home: Home, limit: int) -> list[Run]:
    """The newest first; those that a schedule has ahead of now are none yet."""
    due = FlowRunFilterExpectedStartTime.model_validate({"before_": datetime.now(UTC) + SKEW})
    found = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(FLOWS))),
        flow_run_filter=FlowRunFilter(expected_start_time=due),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=min(limit, PAGE),
    )
    return [_run(client, home, run) for run in found]


def find(client: SyncPrefectClient, home: Home, wanted: str) -> Run:
    """By an evolution's name or the beginning of a run's id; raises ValueError if there is none.

    Of an evolution's runs the one under way, or else the newest: a later one may have stepped back from it.
    """
    known = runs(client, home, PAGE)
    for run in sorted(known, key=lambda run: run.ended):
        if run.evolution == wanted or str(run.id).startswith(wanted):
            return run
    names = ", ".join(dict.fromkeys(run.evolution for run in known)) or "none"
    raise ValueError(f"no run {wanted!r} among the last {PAGE}; expected a run's id or an evolution: {names}")


def logs(client: SyncPrefectClient, home: Home, run: Run, follow: bool) -> Iterator[str]:
    """Its lines, its iterations' and their child runs', oldest first; while it is under way, too, if wanted."""
    seen: set[UUID | None] = set()
    since = datetime.fromtimestamp(0, UTC)
    while True:
        iterations = [one.id for one in _iterations(client, run.id)]
        ids = [run.id, *iterations, *(child.id for one in iterations for child in _iterations(client, one))]
        over = not follow or _is_over(client.read_flow_run(run.id))
        chosen = LogFilter.model_validate({"flow_run_id": {"any_": ids}, "timestamp": {"after_": since}})
        for offset in itertools.count(0, PAGE):
            lines = client.read_logs(log_filter=chosen, sort=LogSort.TIMESTAMP_ASC, limit=PAGE, offset=offset)
            for line in lines:
                if line.id not in seen:
                    yield f"{line.timestamp.astimezone():%H:%M:%S} {line.message}"
            seen |= {line.id for line in lines}
            since = max([since, *(line.timestamp - LATE for line in lines)])
            if len(lines) < PAGE:
                break
        if over:
            return
        time.sleep(POLL_S)


def cancel(client: SyncPrefectClient, home: Home, run: Run) -> str:
    """Have it cancelled; what was done. Raises ValueError for one that has ended."""
    if run.ended:
        if _nobody_waits(home, run):
            return f"it is {run.state} already, and no longer waits for approval"
        raise ValueError(f"run {run.id} is {run.state} already")
    if run.deployed:
        # What has not begun has nothing that a worker could end.
        state = Cancelling if run.begun else Cancelled
        client.set_flow_run_state(run.id, state(message="by `lance cancel`"), force=not run.begun)
        if not run.begun:
            _nobody_waits(home, run)
        return "its worker is stopping it" if run.begun else "cancelled"
    if mark_crashed(client, home, run):
        return "its process is gone; marked as Crashed, `lance rerun` continues it"
    held = lock.holder(home, run.evolution)
    if held is None or held.run != str(run.id):
        raise ValueError(
            f"run {run.id} has no deployment, and its process is not known: end it with Ctrl-C where it runs"
        )
    if held.machine != socket.gethostname():
        raise ValueError(f"run {run.id} is process {held.pid} of {held.machine}: `lance cancel` it there")
    os.kill(held.pid, signal.SIGINT)
    return f"process {held.pid} was interrupted"


def mark_crashed(client: SyncPrefectClient, home: Home, run: Run) -> bool:
    """Have a run of `lance evolve` whose process is gone marked as Crashed, as nobody else will; whether it was one.

    It is known by its evolution's lock: nobody holds it, and this run held it last.
    """
    last = lock.last_holder(home, run.evolution)
    if run.ended or run.deployed or not last or last.run != str(run.id) or lock.holder(home, run.evolution):
        return False
    client.set_flow_run_state(run.id, Crashed(message="its process is gone"), force=True)
    return True


def _nobody_waits(home: Home, run: Run) -> bool:
    """That a run waits for a person, taken back; whether it did."""
    waits = Awaited.of(home, run.evolution)
    if not waits or waits.run != str(run.id):
        return False
    home.waiting(run.evolution).remove()
    return True


def _run(client: SyncPrefectClient, home: Home, run: FlowRun) -> Run:
    iterations, state = _iterations(client, run.id), run.state
    newest = iterations[-1] if iterations else None
    name = _evolution(run)
    went_well = bool(state and state.type == StateType.COMPLETED)
    return Run(
        id=run.id,
        flow=run.name.partition(" ")[0],
        evolution=name,
        state=state.name or "" if state else "",
        message=state.message or "" if state and not went_well else "",
        iteration=newest.parameters.get("number") if newest else None,
        stage="" if went_well or newest is None else _stage(client, newest.id),
        verdict=_verdict(home, name, [str(one.id) for one in iterations]),
        at=run.start_time or run.expected_start_time or datetime.now(UTC),
        ended=_is_over(run),
        begun=bool(state and state.type in BEGUN),
        deployed=run.deployment_id is not None,
    )


def _is_over(run: FlowRun) -> bool:
    return run.state is not None and run.state.type in ENDED


def _iterations(client: SyncPrefectClient, run: UUID) -> list[FlowRun]:
    chosen = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run]))
    return client.read_flow_runs(flow_run_filter=chosen, sort=FlowRunSort.START_TIME_ASC, limit=PAGE)


def _stage(client: SyncPrefectClient, iteration: UUID) -> str:
    """The task that runs or ended badly, the newest of them."""
    chosen = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[iteration]))
    tasks = client.read_task_runs(task_run_filter=chosen, limit=PAGE)
    started = sorted((task.start_time, task.name) for task in tasks if _is_open(task) and task.start_time)
    return started[-1][1] if started else ""


def _is_open(task: TaskRun) -> bool:
    return task.state is not None and not task.state.is_completed()


def _evolution(run: FlowRun) -> str:
    """Its name, or what it is about: a model, a run to export."""
    given = run.parameters
    if "recipe" not in given or ("model" in given and run.name.startswith("evaluate")):
        return str(given.get("run") or given.get("model") or run.name.partition(" ")[2])
    try:
        return given.get("name") or recipes.load(given["recipe"]).name
    except ValueError:  # a recipe that is no longer there
        return str(given["recipe"])


def _verdict(home: Home, name: str, iterations: Sequence[str]) -> str:
    """Of the last iteration that this run brought into the ledger."""
    try:
        ledger = ledgers.read(home.ledger(name))
    except ValueError:
        return ""
    own = [one for one in ledger.iterations if one.run in iterations] if ledger else []
    return own[-1].verdict.decision if own else ""
