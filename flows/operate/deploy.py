"""Pools, deployments and automations: made where they are missing, made anew where they changed, else left alone.

What a person changed in the UI (a paused schedule, a pool's defaults) stays until the project's own files change.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound

from flows.operate.applied import Applied
from tasks.artifacts import sha256
from tasks.home import Home
from tasks.records import digest

POOLS = {  # name: worker type, base job template (infra/work-pools)
    "lance-cpu": ("process", "process-cpu"),
    "lance-gpu": ("process", "process-gpu"),
}
FAILED = "LANCE: a run failed"


def everything(root: Path, home: Home, workers: bool, notify: str = "") -> Iterator[str]:
    """What was done, as lines to print; raises ValueError where workers of this home are of no use to the server."""
    with get_client(sync_client=True) as client:
        before = Applied.read(client)
        applied = before.model_copy(deep=True)
        if workers:
            applied.check_home(home)
        for name, (kind, template) in POOLS.items():
            content = json.loads((root / f"infra/work-pools/{template}.json").read_text())
            yield f"{'pool':<12} {name} {_pool(client, applied, name, kind, content)}"
        yield from _deployments(client, root)
        automations = yaml.safe_load((root / "deployments" / "automations.yaml").read_text())
        for one in [*automations, *([_on_failure(client, notify)] if notify else [])]:
            yield f"{'automation':<12} {one['name']} {_automation(client, applied, one)}"
        if applied != before:
            applied.write(client)


def _pool(client: SyncPrefectClient, applied: Applied, name: str, kind: str, template: dict[str, Any]) -> str:
    new = applied.is_new(f"pool {name}", template)
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=template))
        return "made"
    if new:
        client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
    return "changed" if new else "stands"


def _deployments(client: SyncPrefectClient, root: Path) -> Iterator[str]:
    file = root / "deployments" / "prefect.yaml"
    # A deployment is of a version: of this file, and of the flows, whose parameters the server checks.
    version = digest([sha256(path) for path in (file, *sorted((root / "flows").glob("*.py")))])[:12]
    project = yaml.safe_load(file.read_text())
    for given in project["deployments"]:
        name = f"{given['entrypoint'].rpartition(':')[2]}/{given['name']}"
        try:
            done = "stands" if client.read_deployment_by_name(name).version == version else "changed"
        except ObjectNotFound:
            done = "made"
        if done != "stands":
            command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(file)]
            command += ["--name", given["name"], "--version", version]
            ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
            if ran.returncode:
                raise OSError(f"deploying {name} failed: {(ran.stderr or ran.stdout)[-2000:]}")
            _mend(client, name, project["pull"])
        yield f"{'deployment':<12} {name} {done}"


def _mend(client: SyncPrefectClient, deployment: str, pull: list[dict[str, Any]]) -> None:
    """What `prefect deploy` does not do as it is needed here.

    With its schema the server takes a parameter that the flow does not have, and the run fails of it. And it fills the
    pull steps in from this machine's environment: here each worker does, from its own.
    """
    there = client.read_deployment_by_name(deployment)
    schema = {**(there.parameter_openapi_schema or {}), "additionalProperties": False}
    client.update_deployment(there.id, DeploymentUpdate(parameter_openapi_schema=schema, pull_steps=pull))


def _automation(client: SyncPrefectClient, applied: Applied, given: dict[str, Any]) -> str:
    wanted, new = AutomationCore.model_validate(given), applied.is_new(f"automation {given['name']}", given)
    there = client.read_automations_by_name(wanted.name)
    if not there:
        client.create_automation(wanted)
        return "made"
    if new:
        client.update_automation(there[0].id, wanted.model_copy(update={"enabled": there[0].enabled}))
    return "changed" if new else "stands"


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
        "expect": ["prefect.flow-run.Failed", "prefect.flow-run.Crashed"],
        "match": {"prefect.resource.id": "prefect.flow-run.*"},
        "match_related": {"prefect.resource.role": "flow", "prefect.resource.name": ["evolve", "evaluate", "export"]},
        "threshold": 1,
        "within": 0,
    }
    return {"name": FAILED, "trigger": trigger, "actions": [send]}
