"""A second machine works for the server of the first."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from flows.operations.deploy import FILE
from tasks.engines.processes.ports import free_port
from tasks.store.home import ROOT, Home
from tasks.store.rows import digest
from tests.operations.served import Served
from tests.support.evolution import LANCE
from tests.support.processes import wait_until


def on_another_machine(served: Served, *command: str) -> str:
    """What `lance` says on a machine with the same home and another name."""
    renamed = ["unshare", "--uts", "sh", "-c", 'hostname second && exec "$@"', "sh", *LANCE, *command]
    done = subprocess.run(
        renamed, env=served.environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    if "unshare failed" in done.stderr:
        pytest.skip(f"a machine of another name needs rights that are not here: {done.stderr}")
    return done.stdout + done.stderr


def test_a_machine_takes_runs_of_a_server_elsewhere_and_leaves_it_alone(served: Served) -> None:
    said = on_another_machine(served, "up", "--server", f"{served.url}/api")
    try:
        assert "worker-cpu started" in said and f"PREFECT_API_URL={served.url}/api" in said, said
        assert "created" not in said and "updated" not in said
        services = Home(served.home).services
        assert [file.name for file in services.with_name("second").iterdir()] == ["worker-cpu.json"]
        psutil.Process(json.loads((services / "worker-cpu.json").read_text())["pid"]).kill()
        run = served.start(name="of-another", seeds="no/such/seeds.jsonl")
        assert served.wait(run, within_s=60)["state_type"] == "FAILED", "nobody took it"
    finally:
        wait_until(lambda: "worker-cpu" in on_another_machine(served, "down"), 60, "no run under way", every_s=1)
        served.up()
    assert served.run(run)["state_type"] == "FAILED"


@pytest.fixture
def other(tmp_path: Path, served: Served) -> Iterator[Served]:
    """Another home, with nothing in it."""
    it = Served(tmp_path / "home", served.model, served.seeds)
    yield it
    it.down()


def test_a_machine_with_another_home_does_not_start_to_work(other: Served, served: Served) -> None:
    done = other.lance("up", "--server", served.url)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "live in another LANCE_HOME than" in done.stderr
    done = other.lance("up", "--server", served.url, "--no-workers")
    assert done.returncode == 0 and "started" not in done.stdout
    assert not list(other.home.glob("services/*/*"))


def test_a_server_that_is_not_one_of_ours_is_named(other: Served, served: Served) -> None:
    done = other.lance("up", "--server", "http://127.0.0.1:9")
    assert done.returncode != 0 and "no Prefect server answers at http://127.0.0.1:9/api" in done.stderr, done.stderr
    done = other.lance("up", "--server", served.url, "--port", "4201")
    assert done.returncode == 2 and "expected no --host, no --port and no --site-port" in done.stderr, done.stderr
    done = other.lance("up", "--port", str(served.port))
    assert done.returncode == 2 and "something else than a server of" in done.stderr, done.stderr
    done = other.lance("up", "--port", str(free_port()), "--site-port", str(served.site_port))
    assert done.returncode == 2 and "give another --site-port" in done.stderr, done.stderr
    done = served.lance("up", "--port", str(served.port + 1))
    assert done.returncode == 2 and "runs already, with other settings" in done.stderr, done.stderr


def test_what_a_person_changed_in_a_pool_stays(served: Served) -> None:
    pool = served.api.get("/work_pools/lance-gpu").raise_for_status().json()
    template = pool["base_job_template"]
    template["variables"]["properties"]["stream_output"]["default"] = False
    served.api.patch("/work_pools/lance-gpu", json={"base_job_template": template}).raise_for_status()
    assert "lance-gpu unchanged" in served.up()
    assert served.api.get("/work_pools/lance-gpu").json()["base_job_template"] == template


def test_what_a_person_changed_in_a_schedule_stays_wherever_its_runs_go(served: Served) -> None:
    def weekly() -> Any:
        return served.api.get("/deployments/name/evolve/evolve").raise_for_status().json()

    def pause(schedule: dict[str, Any], active: bool) -> None:
        path = f"/deployments/{weekly()['id']}/schedules/{schedule['id']}"
        served.api.patch(path, json={"active": active}).raise_for_status()

    (schedule,) = weekly()["schedules"]
    pause(schedule, active=False)
    try:
        for pool, said in (("lance-docker", "lance-docker created"), ("", "evolve/evolve updated")):
            done = served.lance("up", *served.listens, "--pool", pool)
            assert said in done.stdout, done.stdout + done.stderr
            assert weekly()["work_pool_name"] == (pool or "lance-gpu")
            assert [one["active"] for one in weekly()["schedules"]] == [False]
        refused = served.lance("up", *served.listens, "--pool", "elsewhere")
        assert refused.returncode == 2 and "--pool elsewhere: no such pool" in refused.stderr
    finally:
        pause(schedule, active=True)


def test_a_flow_whose_file_moved_keeps_what_a_person_changed(served: Served) -> None:
    def export() -> dict[str, Any]:
        found: dict[str, Any] = served.api.get("/deployments/name/export/export").raise_for_status().json()
        return found

    (given,) = (one for one in yaml.safe_load((ROOT / FILE).read_text())["deployments"] if one["name"] == "export")
    applied = served.api.get("/variables/name/lance").raise_for_status().json()["value"]
    applied["digests"]["deployment export/export"] = digest(given | {"entrypoint": "flows/before.py:export"})
    served.api.patch("/variables/name/lance", json={"value": applied}).raise_for_status()
    changed = {"entrypoint": "flows/before.py:export", "parameters": {"run": "mine", "folder": "out"}, "version": "old"}
    served.api.patch(f"/deployments/{export()['id']}", json=changed).raise_for_status()
    assert "export/export updated" in served.up()
    found = export()
    assert (found["entrypoint"], found["parameters"]) == (given["entrypoint"], changed["parameters"])
    assert "export/export unchanged" in served.up()
    served.api.patch(f"/deployments/{found['id']}", json={"parameters": {}}).raise_for_status()


def test_deployments_are_found_where_each_worker_has_them(served: Served) -> None:
    there = served.api.get("/deployments/name/evolve/evolve-demo").raise_for_status().json()
    (step,) = there["pull_steps"]
    assert step["prefect.deployments.steps.set_working_directory"] == {"directory": "{{ $LANCE_ROOT }}"}
