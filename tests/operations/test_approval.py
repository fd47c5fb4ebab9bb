"""A person's approval before a promotion: nothing is held meanwhile, and no later run undoes it."""

import json
import re
import time

import httpx
import pytest

from flows.approval import WAITS
from tests.operations.served import BRIEF, ENDED, Served
from tests.support.evolution import PROMOTED
from tests.support.processes import wait_until

SETTINGS = [*PROMOTED, "gate.min_items=2", "evaluate.max_items=4", "reading.held_out_share=0.3"]


def start(served: Served, name: str, *, approve: bool = True) -> str:
    return served.start(asks=True, name=name, recipe=BRIEF, approve=approve, settings=SETTINGS)


def asked(served: Served, run: str) -> str:
    """The newest text that the run asks with, once it is suspended and holds nothing."""
    found = served.wait(run, (*ENDED, "PAUSED"))
    assert found["state_name"] == "Suspended", found["state"]
    assert not served.computing()
    key = found["state"]["state_details"]["run_input_keyset"]["description"]

    def texts() -> list[str]:
        known = served.api.post(f"/flow_runs/{run}/input/filter", json={"prefix": "suspended", "limit": 99})
        return [json.loads(one["value"]) for one in known.raise_for_status().json() if one["key"] == key]

    wait_until(texts, 30, "its text, which comes behind the state")
    wait_until(
        lambda: last_heard(served, run) == f"{WAITS} evolve", 30, "it says that it waits, behind its last heartbeat"
    )
    return texts()[0]


def last_heard(served: Served, run: str) -> str:
    """Of the run's process: its newest event, with the flow that the automation goes by."""
    own = {"name": [WAITS, "prefect.flow-run.heartbeat"]}
    asked = {"event": own, "resource": {"id": [f"prefect.flow-run.{run}"]}, "order": "DESC"}
    found = served.api.post("/events/filter", json={"filter": asked, "limit": 1}).raise_for_status().json()["events"]
    return " ".join(
        f"{one['event']} {related['prefect.resource.name']}"
        for one in found
        for related in one["related"]
        if related["prefect.resource.role"] == "flow"
    )


def answer(served: Served, run: str, **given: str) -> None:
    def resumed() -> bool:
        served.api.post(f"/flow_runs/{run}/resume", json={"run_input": given})  # SQLite is locked now and then: 500
        return bool(served.run(run)["state_type"] != "PAUSED")

    wait_until(resumed, 30, "resumed")


def on_the_site(served: Served, page: str, to: str, **fields: str) -> str:
    """What is said when a page's form is filled in on the site of results."""
    with httpx.Client(base_url=f"http://127.0.0.1:{served.site_port}/evolutions", follow_redirects=True) as site:
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', site.get(page).raise_for_status().text))
        return site.post(to, data=hidden | fields).raise_for_status().text


def completed(served: Served, run: str) -> None:
    found = served.wait(run, (*ENDED, "PAUSED"))
    assert found["state_type"] == "COMPLETED", found["state"]


def test_nobody_but_a_person_approves_and_a_rejection_stays(served: Served) -> None:
    run = start(served, "rejected")
    text = asked(served, run)
    assert "# Iteration 1: promote" in text and "`sft-" in text
    other = served.wait(start(served, "rejected", approve=False))
    assert other["state_name"] == "SteppedBack" and run in other["state"]["message"]
    empty = served.api.post(f"/flow_runs/{run}/resume", json={"run_input": {}}).json()
    assert empty["status"] == "REJECT" and "decision" in empty["details"]["reason"], empty

    assert served.lance("cancel", run[:8]).returncode == 0
    assert "continues" in served.lance("rerun", run[:8]).stdout
    assert asked(served, run) == text, "no answer is no approval"
    answer(served, run, decision="reject", why="I looked at it")
    completed(served, run)
    held = served.ledger("rejected")
    (one,) = held["iterations"]
    assert (one["verdict"]["decision"], one["champion_after"]) == ("hold", one["champion_before"])
    assert one["verdict"]["reasons"][0] == "rejected by a person: I looked at it"
    assert one["candidate"] != one["champion_after"] and served.states(run)["sft"][-1] == "Cached"

    completed(served, start(served, "rejected", approve=False))
    assert served.ledger("rejected") == held


def test_an_approval_is_asked_for_once(served: Served) -> None:
    run = start(served, "approved")
    asked(served, run)
    assert "The run has your answer." in on_the_site(served, "approved/1", "approved/approval", decision="approve")
    completed(served, run)
    (one,) = (promoted := served.ledger("approved"))["iterations"]
    assert (one["verdict"]["decision"], one["champion_after"]) == ("promote", one["candidate"])
    assert one["verdict"]["reasons"][-1] == "approved by a person"
    # As the UI's button does it: Prefect forgets then that the run has asked.
    again = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}}
    served.api.post(f"/flow_runs/{run}/set_state", json=again).raise_for_status()
    wait_until(lambda: served.run(run)["state_type"] not in ENDED, 30, "it goes again")
    completed(served, run)
    assert served.ledger("approved") == promoted


@pytest.mark.long
def test_who_is_asked_again_at_once_waits_for_longer_than_a_silent_run_may(served: Served) -> None:
    run = start(served, "patient")
    text = asked(served, run)
    assert served.lance("cancel", run[:8]).returncode == 0
    assert "continues" in served.lance("rerun", run[:8]).stdout
    assert asked(served, run) == text
    time.sleep(330)  # 300 s without a heartbeat are a crash
    assert served.run(run)["state_name"] == "Suspended"
    answer(served, run, decision="approve")
    completed(served, run)


def test_a_veto_on_the_site_is_made_again_at_the_next_run(served: Served) -> None:
    """Of the row of an evolution that the test above leaves."""
    (before,) = served.ledger("approved")["iterations"]
    rows = re.findall(r"(sft-[0-9a-f]+)", served.lance("show", "approved", "--rows", "mix", "--limit", "99").stdout)
    row = f"approved/row/{rows[0]}"
    assert "It is vetoed." in on_the_site(served, row, f"{row}/veto", why="It is wrong.")
    completed(served, start(served, "approved", approve=False))
    (now,) = (ledger := served.ledger("approved"))["iterations"]
    assert (now["vetoes"], ledger["superseded"]) == ([rows[0]], [before])
    trained = served.lance("show", "approved", "--rows", "mix", "--limit", "99").stdout
    assert rows[0] not in trained and rows[1] in trained


@pytest.mark.long
def test_vetoed_rows_are_left_out_and_what_follows_is_asked_about_again(served: Served) -> None:
    run = start(served, "vetoed")
    rows = re.findall(r"`(sft-[0-9a-f]+)`", asked(served, run))
    answer(served, run, decision="veto", rows="sft-0000000000000000", why="a slip")
    assert asked(served, run).startswith("Not vetoed: ")
    on_the_site(served, f"vetoed/row/{rows[0]}", f"vetoed/row/{rows[0]}/veto", why="it is wrong")
    on_the_site(served, "vetoed/1", "vetoed/approval", decision="veto")
    if served.wait(run, (*ENDED, "PAUSED"))["state_name"] == "Suspended":  # without that row it may be no better
        text = asked(served, run)
        assert rows[0] not in text and rows[1] in text
        answer(served, run, decision="reject")
        completed(served, run)
    (one,) = served.ledger("vetoed")["iterations"]
    assert (one["vetoes"], one["verdict"]["decision"]) == ([rows[0]], "hold")
    assert not (served.home / "evolutions" / "vetoed" / "waiting.json").exists()
    assert "it is wrong" in served.lance("explain", rows[0], "--evolution", "vetoed").stdout
    trained = served.lance("show", "vetoed", "--rows", "mix", "--limit", "99").stdout
    assert rows[1] in trained and rows[0] not in trained
