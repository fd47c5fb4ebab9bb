"""A server with a password on PostgreSQL: who is let in, a run to its end, backup and restore."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tasks.engines.processes.ports import free_port
from tests.operations.postgres import Postgres
from tests.operations.served import Served

PASSWORD = "lance:not a secret"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    it = Postgres(free_port())
    try:
        yield it
    finally:
        it.remove()


@pytest.fixture(scope="module")
def guarded(
    postgres: Postgres, tiny_model: Path, few_seeds: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    env = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": postgres.url, "PREFECT_SERVER_API_AUTH_STRING": PASSWORD}
    with Served(tmp_path_factory.mktemp("guarded") / "home", tiny_model, few_seeds, env).running() as it:
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
    assert before[-1]["id"] == run and before[-1]["state"] == "Completed"  # type: ignore[index]
