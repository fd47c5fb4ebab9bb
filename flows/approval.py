"""Human approval before a promotion: the run suspends, and holds no resource until it is resumed with an answer."""

from typing import Literal
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.exceptions import ObjectNotFound, Pause
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput, read_flow_run_input
from prefect.runtime import flow_run
from pydantic import ValidationError

from flows.report.prefect_ui import scoreboard
from tasks.evolution.champion import now
from tasks.evolution.ledger import Decision, Iteration, Ledger
from tasks.evolution.lock import Busy
from tasks.evolution.lookup import Awaited
from tasks.evolution.vetoes import add_vetoes
from tasks.store import vetoes
from tasks.store.artifacts import Store
from tasks.store.examples import PreferencePair, SftRow
from tasks.store.home import Home
from tasks.store.rows import digest
from tasks.store.shared.document import Document

WAITS = "lance.flow-run.waits"  # for a person; nobody hears from it meanwhile
EVENTS_S = 10.0  # to send what this process has to tell
WAIT_S = 7 * 24 * 3600  # then the run fails; its artifacts stay, and the next run asks again
SAMPLES = 3


class Approval(RunInput):
    """`rows` are ids of rows to veto, with spaces between (none where they are vetoed already, as by `lance veto`);
    `why` is kept with the verdict or the vetoes.

    The decision has no default: where there is no answer, Prefect gives an empty one.
    """

    decision: Literal["approve", "reject", "veto"]
    why: str = ""
    rows: str = ""


def ask(home: Home, ledger: Ledger, one: Iteration) -> Decision | None:
    """Suspend until a person answers; None where rows were vetoed: what is approved is what was made without them.

    A veto that cannot be noted is asked about again.
    """
    assert one.candidate, "only a candidate is promoted"
    problem, attempt = "", 0
    while True:
        text = "\n\n".join(filter(None, [problem, scoreboard(one.verdict, one.number), _samples(home, one)]))
        # Of this candidate without these rows: what was said of another is no answer.
        key = f"approve-{one.number}-{one.candidate.digest[:12]}-{digest(one.vetoes)[:12]}-{attempt}"
        attempt += 1
        answer = _answer(home.waiting(ledger.name), one, key, text)
        if answer is None:
            continue
        try:
            if answer.decision == "veto" and answer.rows:
                add_vetoes(home, ledger, answer.rows.split(), answer.why, one.number)
        except ValueError as error:
            problem = f"Not vetoed: {error}"
            get_run_logger().warning(problem)
            continue
        if answer.decision != "reject" and {veto.row for veto in vetoes.read(home.vetoes(ledger.name))} - {*one.vetoes}:
            return None
        if answer.decision != "veto":
            return Decision(decision=answer.decision, why=answer.why, at=now())
        problem = "No row was vetoed: expected ids of rows that are not vetoed yet, with spaces between."
        get_run_logger().warning(problem)


def _answer(waiting: Document, one: Iteration, key: str, text: str) -> Approval | None:
    """To what was asked by this key; suspends where nothing was yet. None where that ended without an answer.

    A retry may or may not have Prefect forget that it has asked; the answer is kept with the run.
    """
    if given := read_flow_run_input(f"suspended-{key}-response"):
        waiting.remove()
        return Approval.model_validate(given)
    if read_flow_run_input(f"suspended-{key}-schema"):
        return None
    waiting.write(Awaited(run=str(flow_run.get_id()), iteration=one).model_dump_json(indent=1))
    try:
        return suspend_flow_run(wait_for_input=Approval.with_initial_data(description=text), timeout=WAIT_S, key=key)
    except ValidationError:  # killed between its suspension and its question
        return None
    except Pause:
        # 300 s after its last heartbeat the run would count as crashed (deployments/automations.yaml). Prefect's own
        # event of the suspension does not always end that: one event of a run that is lost (SQLite is locked) has the
        # server put aside for 15 minutes all that follow it. This one follows none, and comes behind the heartbeats.
        emit_event(WAITS, resource={"prefect.resource.id": f"prefect.flow-run.{flow_run.get_id()}"})
        EventsWorker.drain_all(timeout=EVENTS_S)
        raise


def check_nobody_else_waits(home: Home, name: str) -> None:
    """Raises Busy while another run of the evolution waits for a person, or was answered and waits for a worker.

    This run waits no longer: with rows that were vetoed meanwhile it may have nothing to ask.
    """
    waits = Awaited.of(home, name)
    if not waits:
        return
    if waits.run == str(flow_run.get_id()):
        home.waiting(name).remove()
        return
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(UUID(waits.run)).state
        except ObjectNotFound:
            state = None
    if state and not state.is_final():
        raise Busy(
            f"evolution {name!r} is waiting for approval, or for a worker to continue: answer run {waits.run} (on "
            "the site of results, or Resume in Prefect's UI), or cancel it"
        )
    home.waiting(name).remove()


def _samples(home: Home, one: Iteration) -> str:
    """Some of what it was trained on, with the ids that a veto takes."""
    if not one.annotated:
        return ""
    store = Store.of(home)
    lines = ["## Sample of the training rows", ""]
    for row in [row for ref in one.annotated for row in store.rows(ref, SftRow, "sft")[:SAMPLES]]:
        lines += [f"`{row.id}`", "", _quoted(row.instruction), "", _quoted(row.response), ""]
    for pair in [pair for ref in one.annotated for pair in store.rows(ref, PreferencePair, "pairs")[:SAMPLES]]:
        lines += [f"`{pair.id}`", "", _quoted(pair.instruction), "", "preferred", "", _quoted(pair.chosen), ""]
        lines += ["rejected", "", _quoted(pair.rejected), ""]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """As code, so that no text of a model is markup."""
    return "\n".join(f"    {line}" for line in text.splitlines())
