"""What `lance up` and `lance down` refuse before anything is started or stopped, and processes found again."""

import os
import socket
import sys
from pathlib import Path

import pytest
from rich.console import Console

from flows.operations.service import Service
from flows.operations.up import DATABASE, Asked, check_database, down, environment, secured, up
from tasks.evolution import lock
from tasks.store.home import Home
from tests.support.processes import wait_until


def test_nobody_else_is_let_in_without_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    with pytest.raises(ValueError, match="PREFECT_SERVER_API_AUTH_STRING=USER:PASSWORD"):
        up(Home(tmp_path), Asked(host="0.0.0.0"), Console())
    assert "PREFECT_SERVER_CSRF_PROTECTION_ENABLED" not in secured("127.0.0.1")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "a:b")
    assert secured("127.0.0.1")["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"


def test_nothing_is_stopped_while_an_evolution_has_a_run(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with lock.only_one_run(home, "mine", "a run"):
        held = lock.holder(home, "mine")
        assert held == lock.Holder(machine=socket.gethostname(), pid=os.getpid(), run="a run")
        with pytest.raises(ValueError, match="a run is under way: mine"):
            down(home, Console())
    assert (lock.holder(home, "mine"), lock.last_holder(home, "mine")) == (None, held)
    down(home, Console(quiet=True))


def test_a_service_is_found_again_started_once_and_stopped(tmp_path: Path) -> None:
    service = Service(Home(tmp_path), "sleeper")
    command = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
    assert service.start(command, os.environ, "here")
    process = service.process()
    assert process and not service.start(command, os.environ)
    with pytest.raises(ValueError, match=r"sleeper runs already, with other settings .* or `lance down` first"):
        service.start(command, os.environ | {"PREFECT_SERVER_API_AUTH_STRING": "a:b"})
    assert Service(Home(tmp_path), "sleeper").address() == "here"
    wait_until(lambda: service.last_lines() == "up", 20, "its first line")
    assert service.stop(10)
    assert service.process() is None and not service.file.exists() and not service.stop(10)


def test_a_number_that_is_used_again_is_not_the_service(tmp_path: Path) -> None:
    service = Service(Home(tmp_path), "gone")
    service.file.parent.mkdir(parents=True)
    service.file.write_text(f'{{"pid": {os.getpid()}, "born": "another start", "address": "x", "settings": ""}}')
    assert service.process() is None and service.address() is None


def test_a_server_does_not_begin_on_another_database_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATABASE, "postgresql+asyncpg://me:s3cret@somewhere/prefect")
    check_database(Home(tmp_path))
    check_database(Home(tmp_path))
    monkeypatch.delenv(DATABASE)
    with pytest.raises(ValueError, match=r"was on PostgreSQL, and PREFECT_.* is not set: have it as it was") as refused:
        check_database(Home(tmp_path))
    Path(str(refused.value).split("delete ")[1].split(" to begin")[0]).unlink()
    check_database(Home(tmp_path))


def test_no_proxy_stands_before_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org,localhost")
    monkeypatch.delenv("no_proxy", raising=False)
    found = environment(Home(tmp_path), "http://10.0.0.5:4200")
    assert found["NO_PROXY"] == "example.org,localhost,127.0.0.1,10.0.0.5"
    assert found["no_proxy"] == "127.0.0.1,localhost,10.0.0.5"
