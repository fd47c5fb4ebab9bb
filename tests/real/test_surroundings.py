"""What people's machines have around the project, and what they lack: none of it is in the way of a run."""

import json
import os
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest

from tasks.engines.processes.device import DeviceLock
from tasks.store.home import ROOT
from tests.support import materials
from tests.support.evolution import LANCE

BRIEF = ROOT / "tests" / "support" / "recipes" / "brief.yaml"
NO_RIGHTS = 77


def apart(read_only: Path) -> tuple[str, ...]:
    """Without network, under a strict umask, with a folder that nobody can write to: not even root."""
    script = f"""
    ip link set lo up && mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit {NO_RIGHTS}
    umask 077; shift; exec "$@"
    """
    return ("unshare", "--mount", "--net", "sh", "-c", script, "sh", str(read_only))


def lance(
    *command: str, cwd: Path, env: dict[str, str], before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "LANCE_"))}
    done = subprocess.run(
        [*before, *LANCE, *command],
        cwd=cwd,
        env=inherited | env,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=500,
        check=False,
    )
    if done.returncode == NO_RIGHTS or "unshare failed" in done.stderr:
        pytest.skip(f"a namespace needs rights that are not here: {done.stderr[-200:]}")
    return done


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of somebody's own project: its path has blanks and umlauts, and it has files that others read."""
    folder = tmp_path / "Käse & Söhne" / "main"
    folder.mkdir(parents=True)
    (folder / "tasks.py").write_text("raise SystemExit('tasks of another project')\n")
    (folder / ".env").write_text(
        "DATABASE_URL=postgres://nobody@nowhere/none\nPREFECT_API_URL=http://127.0.0.1:9/api\n"
    )
    (folder / "prefect.toml").write_text('[api]\nurl = "http://127.0.0.1:9/api"\n')
    return folder


@pytest.mark.long
def test_a_run_among_what_others_have_around_it(tiny_model: Path, project: Path) -> None:
    """Without network, HOME, UTF-8 or the right to write into the checkout; with a long TMPDIR and a tasks.py."""
    seeds, long, home = project / "Sämtliche Fragen.jsonl", project / ("x" * 100), project / "home of LANCE"
    materials.some_seeds(seeds)
    long.mkdir()
    env = {"LANCE_HOME": str(home), "HOME": "/nowhere", "TMPDIR": str(long), "PYTHONPATH": f"{project}:{ROOT}"}
    env |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "HF_HOME": str(project / "hub")}
    asked = (str(BRIEF), "--model", str(tiny_model), "--seeds", str(seeds), "--name", "apart", "--json")
    done = lance("evolve", *asked, cwd=project, env=env, before=apart(ROOT))
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["verdict"]["decision"] in ("promote", "hold", "roll back")
    assert str(seeds) in (home / "evolutions" / "apart" / "ledger.json").read_text(encoding="utf-8")


def test_a_store_that_cannot_be_written_to_is_said(tiny_model: Path, tmp_path: Path) -> None:
    store, env = tmp_path / "home" / "store", {"LANCE_HOME": str(tmp_path / "home")}
    store.mkdir(parents=True)
    asked = ("evolve", str(BRIEF), "--model", str(tiny_model))
    seeds = ("--seeds", str(materials.some_seeds(tmp_path / "seeds.jsonl")))
    done = lance(*asked, *seeds, cwd=tmp_path, env=env, before=apart(store))
    assert done.returncode == 3 and "Traceback" not in done.stderr, done.stderr[-3000:]
    assert "Read-only file system" in done.stderr and "set LANCE_HOME" in done.stderr, done.stderr[-3000:]
    assert not list(store.rglob("*"))


def test_a_folder_whose_name_is_no_text_is_named(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    odd.mkdir()
    seeds, home = materials.some_seeds(odd / "seeds.jsonl"), {"LANCE_HOME": str(tmp_path / "home")}
    done = lance("plan", "demo", "--set", f"seeds={seeds}", cwd=tmp_path, env=home)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    done = lance("plan", "demo", cwd=tmp_path, env={"LANCE_HOME": str(odd / "home")})
    assert done.returncode == 2 and "expected a path in UTF-8" in done.stderr, done.stderr


def test_the_device_is_shared_by_all_users_whatever_their_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with DeviceLock([tmp_path / "device.lock"]) as lock:
            lock.opened()
    finally:
        os.umask(before)
    for name in ("device.lock", "device.queue"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666


def test_a_database_of_a_newer_prefect_is_named(tmp_path: Path) -> None:
    """As after an upgrade that was taken back."""
    home, env = tmp_path / "home", {"LANCE_HOME": str(tmp_path / "home")}
    done = lance("runs", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(home / "prefect" / "prefect.db") as database:
        database.execute("update alembic_version set version_num = 'aaaaaaaaaaaa'")
    done = lance("runs", cwd=tmp_path, env=env)
    assert done.returncode == 2, done.stderr
    assert "written by a newer version of Prefect" in done.stderr and "prefect.db away" in done.stderr
