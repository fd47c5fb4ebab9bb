"""Runs from deployments on a real server with a real worker: to the end, refused, approved, made again."""

import re
from typing import Any

from tests.operations.served import Served
from tests.support.processes import wait_until


def test_a_run_of_a_deployment_ends_with_its_artifacts(finished: tuple[Served, str]) -> None:
    served, run = finished
    children = served.filter("flow_runs", flow_runs={"parent_flow_run_id": {"any_": [run]}})
    assert [child["name"] for child in children] == ["iteration 1"]
    found = served.filter("artifacts", flow_runs={"id": {"any_": [run, children[0]["id"]]}})
    assert {"funnel", "verdict", "results", "training-sft", "training-dpo"} <= {one["key"] for one in found}
    states = served.states(run)
    assert {"sft", "dpo", "gate"} <= states.keys()
    assert not served.computing()


def test_up_twice_changes_nothing(finished: tuple[Served, str]) -> None:
    served, _ = finished

    def there() -> list[dict[str, Any]]:
        """Without what the scheduler and polling workers change."""
        found = [one for what in ("deployments", "work_pools", "automations") for one in served.filter(what)]
        return [{key: one[key] for key in one.keys() - {"updated", "last_polled", "status"}} for one in found]

    before = there()
    said = served.up()
    assert "created" not in said and "updated" not in said and "started" not in said, said
    assert len(before) >= 10 and there() == before


def test_wrong_parameters_are_refused_before_there_is_a_run(served: Served) -> None:
    deployment = served.api.get("/deployments/name/evolve/evolve-demo").json()["id"]
    count = served.api.post("/flow_runs/count", json={}).json()
    for wrong in ({"iterations": "three"}, {"iterations": -1}, {"name": "a/b"}, {"approve": "maybe"}, {"iteration": 3}):
        answer = served.api.post(f"/deployments/{deployment}/create_flow_run", json={"parameters": wrong})
        assert answer.status_code == 409, (wrong, answer.text)
    assert served.api.post("/flow_runs/count", json={}).json() == count


def test_the_weekly_schedule_has_made_its_next_run_and_it_is_no_run_yet(served: Served) -> None:
    deployment = served.api.get("/deployments/name/evolve/evolve").json()["id"]

    def ahead() -> list[str]:
        found = served.filter("flow_runs", flow_runs={"deployment_id": {"any_": [deployment]}})
        return [run["state_name"] for run in found]

    wait_until(ahead, 120, "the scheduler")
    assert set(ahead()) == {"Scheduled"}
    assert "weekly" not in served.lance("runs").stdout


def test_runs_and_logs_show_it(finished: tuple[Served, str]) -> None:
    served, run = finished
    line = next(line for line in served.lance("runs").stdout.splitlines() if line.strip().startswith(run[:8]))
    assert re.search(r"evolve\s+tiny\s+Completed\s+1\s+(hold|promote|roll back)", line)
    said = served.lance("logs", "tiny").stdout
    assert "held-out items" in said or "tolerances" in said


def test_a_finished_run_again_starts_no_child(finished: tuple[Served, str]) -> None:
    served, run = finished
    assert served.asks
    logs = (served.asks.log, served.home / "logs" / "engine.log")

    def asked() -> tuple[dict[str, Any], list[int]]:
        """The second log is there if a test before this one has started an engine of its own."""
        return served.ledger(), [log.stat().st_size for log in logs if log.exists()]

    before = asked()
    done = served.lance("rerun", run[:8])
    (again,) = re.findall(r"run ([0-9a-f-]{36}) was created", done.stdout)
    assert served.wait(again)["state_type"] == "COMPLETED"
    wait_until(lambda: {"dpo", "annotate"} <= served.states(again).keys(), 60, "its tasks, which come behind the state")
    assert set(served.states(again)["dpo"] + served.states(again)["annotate"]) == {"Cached"}
    assert asked() == before


def test_from_dpo_on_nothing_is_asked_or_tuned_again(finished: tuple[Served, str]) -> None:
    served, _ = finished
    before = served.ledger()["iterations"][0]["stages"]
    done = served.lance("rerun", "tiny", "--from", "dpo")
    assert done.returncode == 0, done.stderr
    run = re.findall(r"run ([0-9a-f-]{36}) was created", done.stdout)[0]
    assert served.wait(run)["state_type"] == "COMPLETED"
    wait_until(lambda: {"dpo", "gate"} <= served.states(run).keys(), 60, "its tasks, which come behind the state")
    states = served.states(run)
    assert states["dpo"] == ["Completed"] and states["sft"] == ["Cached"]
    written = [name for name in states if name.startswith(("write", "clean", "review", "signals [w", "signals [s"))]
    assert written and all(states[name] == ["Cached"] for name in written), states
    after = served.ledger()["iterations"][0]["stages"]
    assert after["dpo"]["fingerprint"] != before["dpo"]["fingerprint"]
    assert (served.home / "store" / "dpo" / before["dpo"]["fingerprint"] / "record.json").exists()
    assert {name for name in before if before[name] == after[name]} >= {"annotate", "mix", "sft"}


def test_a_stage_that_there_is_not_is_named(finished: tuple[Served, str]) -> None:
    served, _ = finished
    done = served.lance("rerun", "tiny", "--from", "dppo")
    assert done.returncode == 2 and "no stage 'dppo'" in done.stderr and "dpo" in done.stderr


def test_the_ui_shows_the_run_its_graph_and_its_artifacts(finished: tuple[Served, str], browser: Any) -> None:
    served, run = finished
    (child,) = served.filter("flow_runs", flow_runs={"parent_flow_run_id": {"any_": [run]}})
    browser.set_window_size(1600, 1200)

    def shows(path: str, *texts: str) -> None:
        browser.get(f"{served.url}{path}")
        wait_until(lambda: all(text in browser.find_element("tag name", "body").text for text in texts), 60, path)

    shows(f"/runs/flow-run/{run}", "evolve tests/support/recipes/tiny.yaml", "Completed")
    wait_until(lambda: browser.find_elements("css selector", "canvas"), 60, "the graph")
    shows(f"/runs/flow-run/{child['id']}", "iteration 1", "Task runs")
    browser.find_element("id", "artifacts").click()
    texts = ("funnel", "verdict", "training-sft", "rows in and out of each stage")
    wait_until(lambda: all(text in browser.find_element("tag name", "body").text for text in texts), 60, "artifacts")
    shows("/deployments", "evolve-demo", "evaluate", "export")
