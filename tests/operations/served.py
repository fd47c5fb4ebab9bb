"""A home with everything that `lance up` starts, asked from outside by the command line and the API."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from tasks.engines.processes.ports import free_port
from tasks.store.home import ROOT
from tests.support.endpoint import Endpoint
from tests.support.evolution import LANCE
from tests.support.processes import command_line, marked, writing_below

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
TINY, BRIEF = "tests/support/recipes/tiny.yaml", "tests/support/recipes/brief.yaml"


class Patient(httpx.HTTPTransport):
    """Asks again as Prefect's own client does: SQLite is locked now and then.

    What only reads is asked again after a timeout, too (a run's state once took more than 60 s on a busy machine), and
    where the server has just closed the connection: 5 s without a request are enough, and `lance up` takes as long.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(9):
            try:
                answer = super().handle_request(request)
            except (httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError):
                if request.method != "GET":
                    raise
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            answer.close()
            time.sleep(1)
        return super().handle_request(request)


class Served:
    """`asks`: the endpoint that runs of its may ask in place of starting an engine."""

    def __init__(
        self,
        home: Path,
        model: Path,
        seeds: Path,
        env: Mapping[str, str] | None = None,
        asks: Endpoint | None = None,
    ):
        self.asks = asks
        self.home, self.model, self.seeds, self.port, self.site_port = home, model, seeds, free_port(), free_port()
        self.listens = ["--port", str(self.port), "--site-port", str(self.site_port)]
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
        own = {"LANCE_HOME": str(home), "PREFECT_WORKER_QUERY_SECONDS": "2"}  # 10 at each start otherwise
        self.environment = inherited | own | dict(env or {}) | (asks.environment if asks else {})
        password = self.environment.get("PREFECT_SERVER_API_AUTH_STRING")
        auth = tuple(password.split(":", 1)) if password else None
        self.api = httpx.Client(base_url=f"{self.url}/api", timeout=60, auth=auth, transport=Patient())  # type: ignore[arg-type]

    def lance(self, *command: str, timeout_s: float = 300, without: str = "") -> subprocess.CompletedProcess[str]:
        """`without` variables whose names end like that."""
        env = {key: value for key, value in self.environment.items() if not without or not key.endswith(without)}
        return subprocess.run(
            [*LANCE, *command],
            env=env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def up(self) -> str:
        done = self.lance("up", *self.listens)
        assert done.returncode == 0, done.stdout + done.stderr
        if self.api.auth:  # then the server protects itself against requests that a foreign page makes
            client = {"Prefect-Csrf-Client": "tests"}
            token = self.api.get("/csrf-token", params={"client": "tests"}).raise_for_status().json()["token"]
            self.api.headers.update(client | {"Prefect-Csrf-Token": token})
        return done.stdout

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Up while the block runs."""
        try:
            self.up()
            yield self
        finally:
            self.down()

    def down(self) -> None:
        """Everything of this home ends, whatever state a test left it in."""
        self.lance("down")
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def start(self, deployment: str = "evolve/evolve-demo", *, asks: bool = False, **parameters: Any) -> str:
        """The id of a run of the deployment, of the tiny recipe unless told otherwise.

        If it `asks` the endpoint, then in shards of which nobody means to interrupt one.
        """
        if asks and self.asks:
            large = ("engine.in_flight=16", "engine.shard_requests=64")
            parameters = parameters | {"settings": [*large, *parameters.get("settings", []), self.asks.setting]}
        found = self.api.get(f"/deployments/name/{deployment}").raise_for_status().json()
        own = {"recipe": TINY, "model": str(self.model), "seeds": str(self.seeds)}
        given = (own if deployment.startswith("evolve/") else {}) | parameters
        made = self.api.post(f"/deployments/{found['id']}/create_flow_run", json={"parameters": given})
        return str(made.raise_for_status().json()["id"])

    def run(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"/flow_runs/{run}").raise_for_status().json()
        return found

    def glance(self, run: str) -> str:
        """The type of its state; empty where the server is too busy to say so at once."""
        with contextlib.suppress(httpx.TransportError, ValueError):
            answer = httpx.get(f"{self.url}/api/flow_runs/{run}", auth=self.api.auth, timeout=0.5)
            return str(answer.json().get("state_type", ""))
        return ""

    def told(self, run: str) -> str:
        """Its state and the last of what it said, for whoever reads why a test failed."""
        asked = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_DESC", "limit": 20}
        said = self.api.post("/logs/filter", json=asked).raise_for_status().json()
        return "\n".join([str(self.run(run)["state"]), *(str(one["message"]) for one in reversed(said))])

    def wait(self, run: str, types: Collection[str] = ENDED, within_s: float = 900) -> dict[str, Any]:
        """The run once its state is of one of these types."""
        until = time.monotonic() + within_s
        while (found := self.run(run))["state_type"] not in types:
            assert time.monotonic() < until, f"{found['name']} is {found['state_name']} after {within_s} s"
            time.sleep(0.5)
        return found

    def states(self, run: str) -> dict[str, list[str]]:
        """State names of the tasks of the run's iterations, by task name, one for each attempt at the flow."""
        children = self.filter("flow_runs", flow_runs={"parent_flow_run_id": {"any_": [run]}})
        tasks = self.filter("task_runs", flow_runs={"id": {"any_": [child["id"] for child in children]}})
        found: dict[str, list[str]] = {}
        for task in sorted(tasks, key=lambda task: task["expected_start_time"]):
            found.setdefault(task["name"], []).append(task["state_name"])
        return found

    def filter(self, what: str, **chosen: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.post(f"/{what}/filter", json=chosen).raise_for_status().json()
        return found

    def processes(self) -> list[psutil.Process]:
        found = marked("LANCE_HOME", str(self.home)) + writing_below(str(self.home))
        return list({process.pid: process for process in found}.values())

    def computing(self) -> list[psutil.Process]:
        """Engines and trainers of this home."""
        titles = [(one, command_line(one).lower()) for one in self.processes()]
        return [one for one, title in titles if "vllm" in title or ".jobs." in title]

    def ledger(self, name: str = "tiny") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "evolutions" / name / "ledger.json").read_text())
        return found


def block(served: Served, name: str, url: str) -> None:
    """As the UI's form under Blocks makes it."""
    kind = served.api.get("/block_types/slug/custom-webhook").raise_for_status().json()["id"]
    (schema, *_) = served.filter("block_schemas", block_schemas={"block_type_id": {"any_": [kind]}})
    data = {"name": name, "url": url, "json_data": {"subject": "{{subject}}", "text": "{{body}}"}}
    block = {"name": name, "block_type_id": kind, "block_schema_id": schema["id"], "data": data}
    served.api.post("/block_documents/", json=block).raise_for_status()
