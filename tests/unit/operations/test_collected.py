"""A server on SQLite goes on while a cursor that nobody has any more cannot be freed."""

import os
import subprocess
import sys
from pathlib import Path

from flows.operations.server import COLLECTED
from tasks.store.home import ROOT


def test_an_event_loop_does_not_wait_for_a_connection_that_waits_for_it(tmp_path: Path) -> None:
    def run(*start: str, file: str) -> subprocess.CompletedProcess[str]:
        command = [*start, "tests.support.locked", str(tmp_path / file)]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    by_itself = run(sys.executable, "-m", file="a.db")
    assert "database is locked" in by_itself.stderr, "Python does better now: flows/operations/collected.py may go"
    done = run(*COLLECTED, file="b.db")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 5
