"""A person's word before a promotion: the run suspends, and holds nothing until it is resumed with an answer."""

import json
from typing import Literal

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run

from flows.explain import note_vetoes
from flows.pictures import scoreboard
from tasks.artifacts import Store, write_atomically
from tasks.examples import PreferencePair, SftRow
from tasks.home import Home
from tasks.ledger import Busy, Iteration, Ledger

WAIT_S = 7 * 24 * 3600  # then the run fails; its artifacts stay, and the next run asks again
SAMPLES = 3


class Answer(RunInput):
    """`rows` are ids of rows to veto, with spaces between; `why` is kept with the verdict or the vetoes."""

    decision: Literal["approve", "reject", "veto"] = "approve"
    why: str = ""
    rows: str = ""


def ask(home: Home, ledger: Ledger, one: Iteration) -> Answer:
    """Suspend until a person answers; vetoed rows are noted. A veto that cannot be noted is asked about again."""
    problem, attempt = "", 0
    while True:
        waiting = home.waiting(ledger.name)
        write_atomically(waiting, json.dumps({"run": str(flow_run.get_id())}))
        text = "\n\n".join(filter(None, [problem, scoreboard(one.verdict, one.number), _samples(home, one)]))
        key = f"approve-{one.number}-{len(one.vetoes)}-{attempt}"
        answer = suspend_flow_run(wait_for_input=Answer.with_initial_data(description=text), timeout=WAIT_S, key=key)
        waiting.unlink(missing_ok=True)
        if answer.decision != "veto":
            return answer
        try:
            if note_vetoes(home, ledger, answer.rows.split(), answer.why, one.number):
                return answer
            problem = "No row was vetoed: expected ids of rows that are not vetoed yet, with spaces between."
        except ValueError as error:
            problem = f"Not vetoed: {error}"
        get_run_logger().warning(problem)
        attempt += 1


def decided(one: Iteration, answer: Answer) -> Iteration:
    """The iteration as the person left it."""
    if answer.decision == "approve":
        verdict = one.verdict.model_copy(update={"reasons": (*one.verdict.reasons, _said("approved", answer))})
        return one.model_copy(update={"verdict": verdict})
    reasons = (_said("rejected", answer), *one.verdict.reasons)
    verdict = one.verdict.model_copy(update={"decision": "hold", "reasons": reasons})
    return one.model_copy(update={"verdict": verdict, "champion_after": one.champion_before})


def check_nobody_else_waits(home: Home, name: str) -> None:
    """Raises Busy while another run of the evolution waits for a person."""
    file = home.waiting(name)
    if not file.exists():
        return
    run = json.loads(file.read_text(encoding="utf-8"))["run"]
    if run == str(flow_run.get_id()):
        return
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(run).state
        except ObjectNotFound:
            state = None
    if state and state.is_paused():
        raise Busy(f"evolution {name!r} waits for a person: answer run {run} (Resume in the UI), or cancel it")
    file.unlink(missing_ok=True)


def _said(what: str, answer: Answer) -> str:
    return f"{what} by a person{f': {answer.why}' if answer.why else ''}"


def _samples(home: Home, one: Iteration) -> str:
    """Some of what it was trained on, with the ids that a veto takes."""
    if "annotate" not in one.stages:
        return ""
    store, ref = Store(home.store), one.stages["annotate"]
    lines = ["## What it was trained on, some rows", ""]
    for row in store.rows(ref, SftRow, "sft")[:SAMPLES]:
        lines += [f"`{row.id}`", "", _quoted(row.instruction), "", _quoted(row.response), ""]
    for pair in store.rows(ref, PreferencePair, "pairs")[:SAMPLES]:
        lines += [f"`{pair.id}`", "", _quoted(pair.instruction), "", "preferred", "", _quoted(pair.chosen), ""]
        lines += ["rejected", "", _quoted(pair.rejected), ""]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """As code, so that no text of a model is markup."""
    return "\n".join(f"    {line}" for line in text.splitlines())
