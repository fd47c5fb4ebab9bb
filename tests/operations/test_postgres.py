"""A server with a password on PostgreSQL: who is let in, a run to its end, backup and restore."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tasks.engines.processes.ports import free_port
from tests.operations.postgres import Postgres
from tests.operations.served import BRIEF, ENDED, Served, block
from tests.support.endpoint import Endpoint
from tests.support.processes import command_line, wait_until

PASSWORD = "lance:not a secret"
ENVIRONMENT = {"HF_TOKEN": "hf_planted", "OPENAI_API_KEY": "sk-planted", "WANDB_API_KEY": "planted-tracker"}
DATABASE, WEBHOOK = "planted-database", "planted-webhook"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    it = Postgres(free_port())
    try:
        yield it
    finally:
        it.remove()


@pytest.fixture(scope="module")
def guarded(
    postgres: Postgres, tiny_model: Path, few_seeds: Path, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    url = postgres.url.replace("@", f":{DATABASE}@")  # the server lets in whoever is on this machine
    env = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url, "PREFECT_SERVER_API_AUTH_STRING": PASSWORD} | ENVIRONMENT
    home = tmp_path_factory.mktemp("guarded") / "home"
    with Served(home, tiny_model, few_seeds, env, asks=endpoint).running() as it:
        yield it


def test_without_the_password_nobody_is_let_in(guarded: Served) -> None:
    for auth in (None, ("lance", "wrong")):
        for path in ("/admin/version", "/deployments/name/evolve/evolve", "/work_pools/lance-cpu", "/csrf-token"):
            answer = httpx.get(f"{guarded.url}/api{path}", params={"client": "x"}, auth=auth)
            assert answer.status_code == 401, path
        answer = httpx.post(f"{guarded.url}/api/flow_runs/filter", json={}, headers=guarded.api.headers, auth=auth)
        assert answer.status_code == 401, "with the server's own token"
    refused = guarded.lance("runs", without="AUTH_STRING")
    assert refused.returncode == 2 and "wants a password, and none is set" in refused.stderr, refused.stderr
    assert guarded.lance("runs").returncode == 0


def test_a_request_that_a_foreign_page_makes_is_refused(guarded: Served) -> None:
    answer = httpx.post(f"{guarded.url}/api/flow_runs/filter", json={}, auth=("lance", "not a secret"))
    assert answer.status_code == 403, answer.text


def test_the_password_stands_in_no_file_but_the_services_environment(guarded: Served) -> None:
    files = [path for path in guarded.home.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]


@pytest.mark.long
def test_no_secret_is_in_a_file_a_record_of_the_server_or_a_command_line(
    guarded: Served, endpoint: Endpoint, tmp_path: Path
) -> None:
    """Of a run that trains, of one that fails, of their cards and their report."""
    secrets = [PASSWORD, DATABASE, WEBHOOK, endpoint.key, *ENVIRONMENT.values()]
    block(guarded, "secret", f"http://127.0.0.1:9/{WEBHOOK}")
    assert guarded.lance("up", *guarded.listens, "--notify", "custom-webhook/secret").returncode == 0
    runs = [guarded.start(name="open", recipe=BRIEF, asks=True), guarded.start(name="fails", seeds="no/such.jsonl")]
    said = set[str]()

    def over() -> bool:
        said.update(command_line(process) for process in psutil.process_iter())
        return all(guarded.run(run)["state_type"] in ENDED for run in runs)

    wait_until(over, 600, "both have ended", every_s=0.5)
    assert [guarded.run(run)["state_type"] for run in runs] == ["COMPLETED", "FAILED"], guarded.told(runs[0])
    for command in (["report", "open"], ["export", "open/1", "--model", f"{tmp_path}/m", "--data", f"{tmp_path}/d"]):
        done = guarded.lance(*command)
        assert done.returncode == 0, done.stderr
        said |= {done.stdout, done.stderr}
    known = ("flow_runs", "task_runs", "logs", "artifacts", "variables", "deployments", "automations")
    said |= {json.dumps(guarded.filter(what)) for what in known}  # a custom webhook's address is no secret to Prefect
    files = [path for folder in (guarded.home, tmp_path) for path in folder.rglob("*") if path.is_file()]
    contents = {str(path): path.read_bytes() for path in files if path.suffix != ".safetensors"}
    assert any("vllm" in one or ".jobs." in one for one in said) and len(contents) > 50
    for secret in secrets:
        assert not [one for one in said if secret in one]
        assert not [name for name, content in contents.items() if secret.encode() in content]


def test_backup_wipe_and_restore(
    guarded: Served, finished: tuple[Served, str], postgres: Postgres, tmp_path: Path
) -> None:
    # Nothing that stands there is made again: the run is one of minutes otherwise.
    shutil.copytree(finished[0].home / "store", guarded.home / "store", symlinks=True, dirs_exist_ok=True)
    run = guarded.start(name="tiny")
    assert guarded.wait(run)["state_type"] == "COMPLETED", guarded.run(run)["state"]

    def seen() -> list[object]:
        rows = guarded.lance("show", "tiny", "--rows", "annotate", "--json")
        row = rows.stdout.split('"id": "')[1].split('"')[0]
        said = [guarded.lance(*command) for command in (["explain", row], ["champion", "tiny"])]
        assert all(one.returncode == 0 for one in said), [one.stderr for one in said]
        return [*(one.stdout for one in said), *json.loads(guarded.lance("runs", "--json").stdout)]

    before = seen()
    assert guarded.lance("down").returncode == 0
    postgres.dump(tmp_path / "database.dump")
    shutil.copytree(guarded.home, tmp_path / "backup", symlinks=True)

    shutil.rmtree(guarded.home)
    postgres.wipe()
    shutil.copytree(tmp_path / "backup", guarded.home, symlinks=True)
    postgres.restore(tmp_path / "database.dump")
    guarded.up()
    assert seen() == before
    newest = before[2]
    assert newest["id"] == run and newest["state"] == "Completed"  # type: ignore[index]
