"""The same files as Prefect itself reads them: its server's checks, the process worker's own class, its settings."""

import asyncio
import json
import re
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.server.schemas.actions import DeploymentCreate, WorkPoolCreate
from prefect.settings import Settings
from prefect.settings.legacy import _get_valid_setting_names
from prefect.utilities.schema_tools.validation import ValidationError
from prefect.workers.process import ProcessJobConfiguration

from tasks.store.home import ROOT

INFRA = ROOT / "infra"
POOLS = {path.stem: json.loads(path.read_text()) for path in (INFRA / "work-pools").glob("*.json")}


@pytest.mark.parametrize("pool", sorted(POOLS))
def test_the_server_takes_the_pool_and_deployments_to_it(pool: str) -> None:
    """What the API checks when a pool or a deployment is made. Defaults it takes as they are: they are checked here."""
    WorkPoolCreate(name=f"lance-{pool}", type=pool.partition("-")[0], base_job_template=POOLS[pool])
    variables = POOLS[pool]["variables"]["properties"]
    defaults = {name: it["default"] for name, it in variables.items() if "default" in it}
    _deployment(**defaults, env={"OMP_NUM_THREADS": "8"}).check_valid_configuration(POOLS[pool])
    with pytest.raises(ValidationError, match="field 'env'"):
        _deployment(env="OMP_NUM_THREADS=8").check_valid_configuration(POOLS[pool])


def _deployment(**variables: Any) -> DeploymentCreate:
    return DeploymentCreate.model_validate({"name": "evolve", "flow_id": uuid4(), "job_variables": variables})


def rendered(pool: str, values: dict[str, Any]) -> ProcessJobConfiguration:
    client = PrefectClient("http://127.0.0.1:1/api")  # only asked for blocks, of which there are none
    made = ProcessJobConfiguration.from_template_and_values(POOLS[pool], values, client=client)
    return asyncio.run(made)


def test_a_process_has_the_workers_gpus_unless_it_is_told() -> None:
    """An empty CUDA_VISIBLE_DEVICES would hide them all."""
    patient = {"PREFECT_CLIENT_MAX_RETRIES": "8", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "60"}
    assert rendered("process-gpu", {}).env == patient
    told = rendered("process-gpu", {"cuda_visible_devices": "1", "lance_home": "/data", "env": {"HF_TOKEN": "x"}})
    assert told.env.items() >= {"CUDA_VISIBLE_DEVICES": "1", "LANCE_HOME": "/data", "HF_TOKEN": "x"}.items()
    assert told.env.items() >= patient.items()


def test_prefect_has_all_settings_that_are_set() -> None:
    """A name that it does not know, it ignores. Those of the Kubernetes worker are in a package of its own."""
    files = [*INFRA.glob("work-pools/*.json"), *INFRA.glob("k8s/*.yaml"), INFRA / "compose.yaml", INFRA / "Dockerfile"]
    names = {name for file in files for name in re.findall(r"\bPREFECT_(?!INTEGRATIONS_)[A-Z_]+", file.read_text())}
    assert len(names) > 10
    assert names <= _get_valid_setting_names(Settings)
