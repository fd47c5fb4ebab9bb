"""Pools, deployments and automations: created where they are missing, updated where they changed, else left alone.

What a person changed in the UI (a schedule, parameters, a pool's defaults) stays until the project's own file of it
changes; other flows alone, as after an upgrade, bring a deployment no more than their parameters' schema.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.variables import Variable

from flows.operations.applied import Applied
from flows.report.prefect_ui import SITE_VARIABLE
from tasks.store.files import sha256
from tasks.store.home import Home
from tasks.store.rows import digest

# Runs of it at once, where it is made here: one that waits for the device has 400 to 520 MB, and a start takes 6 s of a
# core: fifty runs with four at once on two cores took 414 s.
CPU_RUNS = min(max(2 * (os.cpu_count() or 1), 4), 16)
POOLS = {  # name: worker type, base job template (infra/work-pools)
    "lance-cpu": ("process", "process-cpu"),
    "lance-gpu": ("process", "process-gpu"),
    "lance-docker": ("docker", "docker"),
    "lance-kubernetes": ("kubernetes", "kubernetes"),
}
FILE = "deployments/prefect.yaml"
ALWAYS = ("lance-cpu", "lance-gpu")  # the others, where they are asked for
FAILED = "LANCE: a run failed"


def everything(
    root: Path, home: Home, workers: bool, notify: str = "", pool: str | None = None, site: str = ""
) -> Iterator[str]:
    """What was done, as lines to print. `pool` is where all deployments run from now on, if given; empty: as the file
    says. `site`: where a browser finds the site of results, if this machine serves it.

    Raises ValueError where workers of this home are of no use to the server, or where there is no such pool.
    """
    with get_client(sync_client=True) as client:
        before = Applied.read(client)
        applied = before.model_copy(deep=True)
        if workers:
            applied.check_home(home)
        applied.pool = applied.pool if pool is None else pool
        for name, (kind, template) in POOLS.items():
            if name not in (*ALWAYS, applied.pool):
                continue
            content = json.loads((root / f"infra/work-pools/{template}.json").read_text(encoding="utf-8"))
            yield f"{'pool':<12} {name} {_pool(client, applied, name, kind, content)}"
        _check_pool(client, applied.pool)
        yield from _deployments(client, applied, root)
        automations = yaml.safe_load((root / "deployments" / "automations.yaml").read_text(encoding="utf-8"))
        for one in [*automations, *([_on_failure(client, notify)] if notify else [])]:
            yield f"{'automation':<12} {one['name']} {_automation(client, applied, one)}"
        if site and applied.is_new("site", site):
            Variable.set(SITE_VARIABLE, site, overwrite=True)
        if applied != before:
            applied.write(client)


def _pool(client: SyncPrefectClient, applied: Applied, name: str, kind: str, template: dict[str, Any]) -> str:
    new = applied.is_new(f"pool {name}", template)
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        most = CPU_RUNS if name == "lance-cpu" else None
        pool = WorkPoolCreate(name=name, type=kind, base_job_template=template, concurrency_limit=most)
        client.create_work_pool(pool)
        return "created"
    if new:
        client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
    return "updated" if new else "unchanged"


def _check_pool(client: SyncPrefectClient, name: str) -> None:
    try:
        client.read_work_pool(name or ALWAYS[0])
    except ObjectNotFound:
        raise ValueError(
            f"--pool {name}: no such pool; expected one of {', '.join(POOLS)}, or one that was made before"
        ) from None


def _deployments(client: SyncPrefectClient, applied: Applied, root: Path) -> Iterator[str]:
    project = yaml.safe_load((root / FILE).read_text(encoding="utf-8"))
    flows = [sha256(path) for path in sorted((root / "flows").glob("*.py"))]  # the server checks their parameters
    version = digest([flows, project["pull"], applied.pool])[:12]
    found = [(given, *_compared(client, applied, given)) for given in project["deployments"]]
    if asked := [given["name"] for given, _, before, new in found if new or not before]:
        _deploy(root, asked)
    for given, name, before, new in found:
        if new or before != version:
            update = _of_this_project(root, given, project["pull"])
            update.version, update.work_pool_name = version, applied.pool or given["work_pool"]["name"]
            client.update_deployment(client.read_deployment_by_name(name).id, update)
        done = "created" if not before else "updated" if new or before != version else "unchanged"
        yield f"{'deployment':<12} {name} {done}"


def _compared(client: SyncPrefectClient, applied: Applied, given: dict[str, Any]) -> tuple[str, str, bool]:
    """Its whole name, the version that is there, if any, and whether this project's own file of it has changed."""
    name = f"{given['entrypoint'].rpartition(':')[2]}/{given['name']}"
    there = _read(client, name)
    # A flow whose file moved is no change of what a person may have set: the entrypoint alone follows.
    moved = there and applied.knows(f"deployment {name}", given | {"entrypoint": there.entrypoint})
    new = applied.is_new(f"deployment {name}", given) and not moved
    return name, there.version or "" if there else "", new


def _read(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _deploy(root: Path, names: Sequence[str]) -> None:
    """All at once: each start of Prefect's own command takes seconds."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(root / FILE)]
    asked = [part for name in names for part in ("--name", name)]
    ran = subprocess.run([*command, *asked], cwd=root, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise OSError(f"deploying {', '.join(names)} failed: {(ran.stderr or ran.stdout)[-2000:]}")


def _of_this_project(root: Path, given: dict[str, Any], pull: list[Any]) -> DeploymentUpdate:
    """What `prefect deploy` does not do as it is needed here.

    With its schema the server takes a parameter that the flow does not have, and the run fails of it. And it fills the
    pull steps in from this machine's environment: here each worker does, from its own.
    """
    flow: Flow[..., Any] = load_flow_from_entrypoint(str(root / given["entrypoint"]))
    schema = parameter_schema(flow).model_dump(exclude_unset=True) | {"additionalProperties": False}
    return DeploymentUpdate(entrypoint=given["entrypoint"], parameter_openapi_schema=schema, pull_steps=pull)


def _automation(client: SyncPrefectClient, applied: Applied, given: dict[str, Any]) -> str:
    wanted, new = AutomationCore.model_validate(given), applied.is_new(f"automation {given['name']}", given)
    there = client.read_automations_by_name(wanted.name)
    if not there:
        client.create_automation(wanted)
        return "created"
    if new:
        client.update_automation(there[0].id, wanted.model_copy(update={"enabled": there[0].enabled}))
    return "updated" if new else "unchanged"


def _on_failure(client: SyncPrefectClient, block: str) -> dict[str, Any]:
    """Tells a notification block of the user's (TYPE/NAME, as in slack-webhook/ops) of failed runs.

    Raises ValueError where there is no such block.
    """
    kind, _, name = block.partition("/")
    try:
        found = client.read_block_document_by_name(name, kind)
    except ObjectNotFound:
        raise ValueError(
            f"--notify {block}: no such block; make it in the UI under Blocks, and give TYPE/NAME"
        ) from None
    body = "{{ flow_run.name }} is {{ flow_run.state.name }}: {{ flow_run.state.message }}\n{{ flow_run|ui_url }}"
    send = {"type": "send-notification", "block_document_id": str(found.id), "subject": FAILED, "body": body}
    trigger = {
        "type": "event",
        "posture": "Reactive",
        # Cancelled: a scheduled run, too, that nobody took (deployments/automations.yaml).
        "expect": [f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "Cancelled")],
        "match": {"prefect.resource.id": "prefect.flow-run.*"},
        "match_related": {"prefect.resource.role": "flow", "prefect.resource.name": ["evolve", "evaluate", "export"]},
        "threshold": 1,
        "within": 0,
    }
    return {"name": FAILED, "trigger": trigger, "actions": [send]}
