"""A silent run is marked as crashed, a long one is not. The windows are short here (deployments/automations.yaml)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operations import postgres
from tests.operations.deaths import Deaths
from tests.operations.served import BRIEF, Served

EVERY_S, WINDOW_S = 30, 75  # Prefect sends no more often
# More than three windows on two cores: beside other work each iteration took three to eight minutes.
LONG = ["sampling_seed=6", "sft.epochs=30"]


@pytest.fixture(scope="module")
def impatient(tiny_model: Path, few_seeds: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with postgres.asked_for() as database:
        env = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(EVERY_S)} | database
        with Served(tmp_path_factory.mktemp("impatient") / "home", tiny_model, few_seeds, env).running() as it:
            for one in it.filter("automations"):
                if "silent" in one["name"]:
                    one["trigger"]["within"] = WINDOW_S
                    changed = {key: one[key] for key in ("name", "description", "enabled", "trigger", "actions")}
                    it.api.put(f"/automations/{one['id']}", json=changed).raise_for_status()
            yield it


@pytest.mark.long
def test_a_run_three_times_as_long_as_the_window_is_not_marked(impatient: Served) -> None:
    found = impatient.wait(impatient.start(name="long", recipe=BRIEF, iterations=3, settings=LONG), within_s=2400)
    assert found["state_type"] == "COMPLETED", found["state"]
    assert found["total_run_time"] > 3 * WINDOW_S, "too short to show anything"


@pytest.mark.long
def test_a_run_whose_machine_is_gone_is_marked_as_crashed(impatient: Served) -> None:
    deaths = Deaths(impatient)
    run = impatient.start(name="gone", recipe=BRIEF, settings=["sampling_seed=7"])
    deaths.wait_for("inference", run)
    for process in [*deaths.victims("worker", run), *deaths.victims("flow", run)]:
        process.kill()
    found = impatient.wait(run, within_s=WINDOW_S + EVERY_S + 60)
    assert (found["state_type"], found["state"]["message"][:12]) == ("CRASHED", "No heartbeat")
