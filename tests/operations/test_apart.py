"""Two machines with networks of their own and no folder in common: one runs the evolution, the other has the device."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.operations.up import START_WORKER
from tasks.engines.processes.ports import free_port
from tasks.store.home import ROOT
from tests.operations.served import BRIEF, ENDED
from tests.support.evolution import LANCE
from tests.support.namespaces import NETWORK, Apart, apart
from tests.support.processes import marked, writing_below
from tests.support.s3 import running

PASSWORD = "user:of-the-tests"
SETTINGS = ["execution.fan_out=deployments", "execution.workers=1", "execution.idle_s=20", "engine.dtype=float32"]


class Machine:
    """Its home, and what it has started."""

    def __init__(self, place: Apart, home: Path, api: str, common: dict[str, str]):
        self.place, self.home = place, home
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
        own = {"LANCE_HOME": str(home), "LANCE_ROOT": str(ROOT), "PREFECT_HOME": str(home / "prefect")}
        own |= {"PREFECT_API_URL": api, "PREFECT_API_AUTH_STRING": PASSWORD, "PREFECT_SERVER_API_AUTH_STRING": PASSWORD}
        self.environment = inherited | common | own | {"PREFECT_WORKER_QUERY_SECONDS": "2"}

    def lance(self, *command: str) -> str:
        done = subprocess.run(
            self.place.command(*LANCE, *command),
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextlib.contextmanager
    def working(self, pool: str) -> Iterator[None]:
        """With a worker of that pool."""
        with (self.home.parent / f"worker-{pool}.log").open("ab") as log:
            worker = subprocess.Popen(
                self.place.command(*START_WORKER, pool, "--name", self.place.name, "--limit", "1"),
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        try:
            yield
        finally:
            worker.kill()
            worker.wait()
            for process in marked("LANCE_HOME", str(self.home)) + writing_below(str(self.home)):
                with contextlib.suppress(Exception):
                    process.kill()


def wait(api: httpx.Client, run: str, within_s: float) -> dict[str, Any]:
    until = time.monotonic() + within_s
    while (found := api.get(f"/flow_runs/{run}").raise_for_status().json())["state_type"] not in ENDED:
        assert time.monotonic() < until, f"{found['state_name']} after {within_s} s"
        time.sleep(1)
    return dict(found)


@pytest.mark.long
def test_one_iteration_by_two_machines_that_share_an_object_store_alone(
    tiny_model: Path, few_seeds: Path, tmp_path: Path
) -> None:
    folders = {name: tmp_path / name for name in ("given", "one", "two")}
    for folder in folders.values():
        folder.mkdir()
    model, seeds = folders["given"] / "model", folders["given"] / "seeds.jsonl"
    shutil.copytree(tiny_model, model)
    shutil.copy(few_seeds, seeds)
    one, two = Apart("lance-one", 1, (folders["two"],)), Apart("lance-two", 2, (folders["one"], folders["given"]))
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(apart([one, two]))
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"networks of their own need rights that are not here: {error}")
        s3, port = stack.enter_context(running(f"{NETWORK}.254")), free_port()
        api = f"http://{one.address}:{port}/api"
        runs = Machine(one, folders["one"] / "home", api, s3.environment)
        has_device = Machine(two, folders["two"] / "home", api, s3.environment)
        runs.lance("up", "--host", one.address, "--port", str(port), "--no-workers")
        stack.callback(runs.lance, "down")
        has_device.lance("up", "--server", api, "--no-workers")
        stack.enter_context(runs.working("lance-cpu"))
        stack.enter_context(has_device.working("lance-gpu"))
        client = stack.enter_context(httpx.Client(base_url=api, timeout=60, auth=tuple(PASSWORD.split(":"))))  # type: ignore[arg-type]
        token = client.get("/csrf-token", params={"client": "tests"}).raise_for_status().json()["token"]
        client.headers.update({"Prefect-Csrf-Client": "tests", "Prefect-Csrf-Token": token})
        deployment = client.get("/deployments/name/evolve/evolve-demo").raise_for_status().json()
        asked = {"recipe": BRIEF, "model": str(model), "seeds": str(seeds), "settings": SETTINGS, "name": "apart"}
        made = client.post(f"/deployments/{deployment['id']}/create_flow_run", json={"parameters": asked})
        found = wait(client, made.raise_for_status().json()["id"], 1200)
        assert found["state_type"] == "COMPLETED", found["state"]
        said = json.loads(runs.lance("show", "apart", "--json"))
        assert said["verdict"]["axes"]
        assert json.loads(has_device.lance("show", "apart", "--json"))["funnel"] == said["funnel"]
    # Whoever asks an engine or trains leaves its log.
    assert list(has_device.home.glob("logs/answers-*")) and not list(runs.home.glob("logs/answers-*"))
    assert artifacts(runs.home, "sft") == artifacts(has_device.home, "sft") != set()
    assert artifacts(runs.home, "annotate") and not artifacts(has_device.home, "annotate"), "what it had no need of"


def artifacts(home: Path, stage: str) -> set[str]:
    return {record.parent.name for record in home.glob(f"store/{stage}/*/record.json")}
