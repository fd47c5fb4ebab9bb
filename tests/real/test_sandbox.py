"""The sandbox for code that a model wrote: no network, nothing written that stays, nobody left behind, bounded."""

import socket
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from tasks.engines.processes import sandbox
from tasks.store.home import ROOT
from tests.support.processes import wait_until

pytestmark = pytest.mark.skipif(
    subprocess.run([*sandbox.UNSHARE, "true"], capture_output=True, check=False).returncode != 0,
    reason="this system allows no namespaces, so generated code is refused here",
)


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where `tests` can be imported from


def run(function: str, folder: Path, **arguments: Any) -> Any:
    return sandbox.run("tests.support.hostile", function, arguments, folder / "scratch")


@pytest.mark.parametrize("where", ["beside", "home", "project"])
def test_nothing_can_be_written_outside(tmp_path: Path, where: str) -> None:
    name = f"hostile-{uuid.uuid4()}"
    path = {"beside": tmp_path, "home": Path.home(), "project": ROOT}[where] / name
    assert run("write", tmp_path, path=str(path)) == "OSError"
    assert not path.exists()


def test_nor_to_the_systems_own_settings_and_shared_memory(tmp_path: Path) -> None:
    name = f"hostile-{uuid.uuid4()}"
    setting = Path("/proc/sys/vm/swappiness")
    assert run("write", tmp_path, path=str(setting), text=setting.read_text()) == "OSError"
    assert run("write", tmp_path, path=f"/dev/shm/{name}") == "written"  # the sandbox's own
    assert not (Path("/dev/shm") / name).exists()
    assert run("devices", tmp_path) == ["null", "random", "shm", "urandom", "zero"]


def test_it_cannot_be_undone_from_inside(tmp_path: Path) -> None:
    assert all(run("mount_again", tmp_path))


def test_what_is_written_inside_goes_with_it(tmp_path: Path) -> None:
    assert run("write", tmp_path, path=str(tmp_path / "scratch" / "note")) == "written"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_there_is_no_network_not_even_this_machines(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 2).close()
        assert run("connect", tmp_path, port=port) == "OSError"


def test_memory_and_files_are_bounded(tmp_path: Path) -> None:
    assert run("allocate", tmp_path, gib=9) == "MemoryError"
    assert run("fill", tmp_path, mib=512) == "OSError"


def test_time_is_bounded_and_nobody_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = f"left-{uuid.uuid4()}"
    assert run("leave_behind", tmp_path, mark=mark) == "started"

    def gone() -> bool:
        return subprocess.run(["pgrep", "-f", mark], capture_output=True, check=False).returncode == 1

    wait_until(gone, 10, "the process that was left behind to end")
    monkeypatch.setattr(sandbox, "SECONDS", 0.01)
    with pytest.raises(OSError, match=r"ended after 0\.01 s"):
        run("processes", tmp_path)


def test_it_sees_no_other_process(tmp_path: Path) -> None:
    assert run("processes", tmp_path) == ["1"]


def test_what_it_prints_is_no_answer(tmp_path: Path) -> None:
    assert run("shout", tmp_path) == {"said": "this"}


def test_a_refusal_is_told_apart_from_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such metric"):
        run("refuse", tmp_path)
    with pytest.raises(OSError, match="out of order"):
        run("crash", tmp_path)
