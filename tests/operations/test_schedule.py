"""Runs on a schedule that is faster than they are: none beside another, and none left waiting."""

import os
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.operations.served import BRIEF, ENDED, Served

# Every so often, for so long, with runs of so many iterations: `make death-matrix`'s machine takes the long one.
SHORT, LONG = (20, 120, 1), (60, 600, 3)


@pytest.mark.long
def test_a_schedule_faster_than_its_runs_makes_no_overlap_and_no_backlog(served: Served) -> None:
    every_s, for_s, iterations = LONG if os.environ.get("LANCE_TEST_LONG") else SHORT
    found = served.api.get("/deployments/name/evolve/evolve-demo").raise_for_status().json()
    own = {"recipe": BRIEF, "name": "clockwork", "model": str(served.model), "seeds": str(served.seeds)}
    given: dict[str, Any] = own | {"iterations": iterations, "go_on": True}
    schedule = {"schedule": {"interval": every_s, "timezone": "Europe/Paris"}, "active": True, "parameters": given}
    began = datetime.now(UTC)
    (made,) = served.api.post(f"/deployments/{found['id']}/schedules", json=[schedule]).raise_for_status().json()
    time.sleep(for_s)
    served.api.delete(f"/deployments/{found['id']}/schedules/{made['id']}").raise_for_status()
    runs = [run for run in _runs(served, found["id"], began) if _due(run) < datetime.now(UTC)]
    ended = [served.wait(run["id"]) for run in runs]
    states = [run["state_name"] for run in ended]
    assert len(runs) >= for_s // every_s - 2, states
    assert set(states) <= {"Completed", "SteppedBack", "Cancelled"} and {"Completed", "SteppedBack"} <= set(states)
    worked = sorted((run["start_time"], run["end_time"]) for run in ended if run["state_name"] == "Completed")
    assert all(before[1] <= after[0] for before, after in pairwise(worked)), worked
    assert len(served.ledger("clockwork")["iterations"]) == iterations * len(worked)
    late = [run for run in _runs(served, found["id"], began) if run["state_type"] not in ENDED]
    assert [run["name"] for run in late if _due(run) < datetime.now(UTC) - timedelta(seconds=60)] == []


def _runs(served: Served, deployment: str, began: datetime) -> list[dict[str, Any]]:
    chosen = {"deployment_id": {"any_": [deployment]}, "expected_start_time": {"after_": began.isoformat()}}
    found = served.filter("flow_runs", flow_runs=chosen, limit=200)
    return [run for run in found if run["parameters"].get("name") == "clockwork"]


def _due(run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(run["expected_start_time"])
