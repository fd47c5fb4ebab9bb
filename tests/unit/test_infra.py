"""Work pools, image, compose file and cluster: each against what Prefect ships, and all against each other."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.store.home import ROOT

INFRA = ROOT / "infra"
POOLS = {path.stem: json.loads(path.read_text()) for path in (INFRA / "work-pools").glob("*.json")}
COMPOSE = yaml.safe_load((INFRA / "compose.yaml").read_text())
MANIFESTS = list(yaml.safe_load_all((INFRA / "k8s" / "namespace.yaml").read_text()))
SERVER = yaml.safe_load((INFRA / "k8s" / "server-values.yaml").read_text())
WORKER = yaml.safe_load((INFRA / "k8s" / "worker-values.yaml").read_text())["worker"]
DOCKERFILE = (INFRA / "Dockerfile").read_text()
# The bundled description of the Docker worker is behind the worker itself here (prefect-docker 0.7).
NOT_IN_THE_DESCRIPTION = {"container_create_kwargs"}


def worker_types() -> dict[str, Any]:
    """The default templates that Prefect's server has of each worker type; found without importing Prefect."""
    spec = importlib.util.find_spec("prefect")
    assert spec and spec.submodule_search_locations
    views = Path(spec.submodule_search_locations[0]) / "server" / "api" / "collections_data" / "views"
    packages = json.loads((views / "aggregate-worker-metadata.json").read_text())
    return {name: it["default_base_job_configuration"] for package in packages.values() for name, it in package.items()}


def placeholders(node: object) -> set[str]:
    return set(re.findall(r"{{\s*(\w+)\s*}}", json.dumps(node)))


def default(pool: str, variable: str) -> Any:
    return POOLS[pool]["variables"]["properties"][variable]["default"]


def not_in(ours: object, theirs: object, path: str = "") -> set[str]:
    """Paths of what `theirs` has and `ours` has not, lists by position."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        missing = {f"{path}/{key}" for key in theirs.keys() - ours.keys()}
        return missing.union(*(not_in(ours[key], theirs[key], f"{path}/{key}") for key in theirs.keys() & ours.keys()))
    if isinstance(theirs, list) and isinstance(ours, list):
        return set().union(*(not_in(a, b, f"{path}/{i}") for i, (a, b) in enumerate(zip(ours, theirs, strict=True))))
    return set()


@pytest.mark.parametrize("pool", sorted(POOLS))
def test_each_placeholder_is_declared_and_each_variable_is_used(pool: str) -> None:
    job, variables = POOLS[pool]["job_configuration"], POOLS[pool]["variables"]["properties"]
    # `env` is no placeholder: Prefect adds a deployment's variables to ours, where a placeholder would replace them.
    assert placeholders(job) == set(variables) - {"env"}
    assert isinstance(job["env"], dict)


@pytest.mark.parametrize("pool", sorted(POOLS))
def test_a_job_has_only_what_its_worker_type_knows(pool: str) -> None:
    theirs = worker_types()[pool.partition("-")[0]]["job_configuration"]
    assert POOLS[pool]["job_configuration"].keys() <= theirs.keys() | NOT_IN_THE_DESCRIPTION


def test_the_kubernetes_job_has_all_that_the_worker_types_own_has() -> None:
    theirs = worker_types()["kubernetes"]["job_configuration"]["job_manifest"]
    assert not not_in(POOLS["kubernetes"]["job_configuration"]["job_manifest"], theirs)


def test_a_cluster_has_the_claims_secrets_and_namespace_that_are_asked_for() -> None:
    named = {(it["kind"], it["metadata"]["name"]) for it in MANIFESTS}
    claims = {volume["persistentVolumeClaim"]["claimName"] for volume in SERVER["server"]["extraVolumes"]}
    for claim in claims | {default("kubernetes", "lance_home_claim")}:
        assert ("PersistentVolumeClaim", claim) in named
    namespace = default("kubernetes", "namespace")
    assert ("Namespace", namespace) in named
    assert {it["metadata"]["namespace"] for it in MANIFESTS if it["kind"] != "Namespace"} == {namespace}
    url = WORKER["selfHostedServerApiConfig"]["apiUrl"]
    assert url == f"http://prefect-server.{namespace}.svc.cluster.local:4200/api"
    environment = {it["name"]: it["value"] for it in WORKER["extraEnvVars"]}
    assert environment["PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES"] == namespace
    secrets = {
        SERVER["server"]["basicAuth"]["existingSecret"],
        WORKER["selfHostedServerApiConfig"]["basicAuth"]["existingSecret"],
        environment["PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET_NAME"],
    }
    assert len(secrets) == 1


def test_image_and_pools_agree_on_user_and_folders() -> None:
    home = re.search(r"LANCE_HOME=(\S+)", DOCKERFILE)
    user = re.search(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert home and user
    pod = POOLS["kubernetes"]["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == int(user[1]) != 0
    mounted = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounted == {home[1], "/dev/shm"}
    for pool in ("docker", "kubernetes"):
        assert POOLS[pool]["job_configuration"]["env"]["LANCE_HOME"] == home[1]
    in_compose = {name: volume["name"] for name, volume in COMPOSE["volumes"].items() if volume}
    for service in ("worker-cpu", "worker-gpu"):
        mounts = [mount.split(":") for mount in COMPOSE["services"][service]["volumes"]]
        assert [f"{in_compose[name]}:{place}" for name, place in mounts] == default("docker", "volumes")
    assert default("docker", "volumes")[0].endswith(f":{home[1]}")


def test_all_images_are_of_the_locked_prefect_and_of_this_version() -> None:
    lock = re.search(r"^prefect==(\S+)", (INFRA / "locks" / "orchestrate.txt").read_text(), re.MULTILINE)
    assert lock
    services = COMPOSE["services"]
    tags = [services["server"]["image"].partition(":")[2], SERVER["global"]["prefect"]["image"]["prefectTag"]]
    for tag in [*tags, WORKER["image"]["prefectTag"]]:
        assert tag.startswith(f"{lock[1]}-python3.11"), f"expected Prefect {lock[1]} as in the lock, found {tag}"
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert services["worker-cpu"]["image"] == f"lance-evolve:{version}-cpu"
    for cuda in (services["worker-gpu"]["image"], default("docker", "image"), default("kubernetes", "image")):
        assert cuda == f"lance-evolve:{version}-cuda"


def test_only_a_gpu_has_torchvision() -> None:
    """vLLM imports it when an engine warms up on a GPU; on a CPU its CUDA build would break `import transformers`."""
    has = {
        device: "\ntorchvision==" in (INFRA / "locks" / f"model-{device}.txt").read_text() for device in ("cpu", "cuda")
    }
    assert has == {"cpu": False, "cuda": True}


def test_compose_listens_on_this_machine_only_and_has_no_password_in_it() -> None:
    services = COMPOSE["services"].values()
    assert all(port.startswith("127.0.0.1:") for service in services for port in service.get("ports", ()))
    secret = [
        value
        for service in services
        for name, value in service["environment"].items()
        if re.search("PASSWORD|AUTH", name)
    ]
    assert len(secret) == 4
    assert all(re.fullmatch(r"\${\w+:\?.+}", value) for value in secret), "a password is asked for, and never defaulted"
    assert all("healthcheck" in service for service in services)
