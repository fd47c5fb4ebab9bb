"""Fifty people press the button at once."""

import pytest

from flows.operations.deploy import CPU_RUNS
from tests.operations.served import ENDED, Served
from tests.support.processes import wait_until

RUNS = 50


@pytest.mark.long
def test_of_fifty_runs_asked_for_at_once_each_ends_and_nothing_is_lost(
    finished: tuple[Served, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, _ = finished
    before, most = served.ledger(), 0
    monkeypatch.setattr(served.api, "timeout", 300)  # the server is slow while so many runs start
    left = [served.start(asks=True) for _ in range(RUNS)]
    states = list[str]()

    def all_ended() -> bool:
        nonlocal left, most
        now = {run["id"]: run for run in served.filter("flow_runs", flow_runs={"id": {"any_": left}}, limit=RUNS)}
        most = max(most, sum(run["state_type"] in ("PENDING", "RUNNING") for run in now.values()))
        states.extend(run["state_name"] for run in now.values() if run["state_type"] in ENDED)
        left = [run for run in left if now[run]["state_type"] not in ENDED]
        return not left

    wait_until(all_ended, 1800, "all runs have ended", every_s=2)
    assert set(states) <= {"Completed", "SteppedBack"} and "Completed" in states, states
    assert len(states) == RUNS and most <= CPU_RUNS
    assert served.ledger() == before
    assert not served.computing()
