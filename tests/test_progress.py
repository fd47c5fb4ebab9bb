"""What bars say: counts, rate and what is left."""

import subprocess
import sys

import pytest

from tasks.progress import Progress


def test_an_engines_start_is_no_part_of_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("tasks.progress.time.monotonic", lambda: now[0])
    with Progress(quiet=True).bar("evaluate", 21) as bar:
        for at, done in ((40, 1), (42, 11)):
            now[0] = at
            bar.to(done)
        assert str(bar) == "evaluate 11/21 after 42 s, 5.0/s, 2 s left"


def test_nothing_is_foretold_from_one_alone() -> None:
    with Progress(quiet=True).bar("evaluate", 21) as bar:
        bar.to(1)
        assert str(bar) == "evaluate 1/21 after 0 s"


UNREAD = """
import os, sys
from prefect.logging.handlers import PrefectConsoleHandler
from tasks.progress import Progress
import logging
progress = Progress()
handler = PrefectConsoleHandler(stream=sys.stderr)
with progress.showing():
    sys.stdin.readline()
    for n in range(3):
        progress.say(f"line {n}")
        handler.emit(logging.makeLogRecord({"msg": f"log {n}", "levelno": 20, "levelname": "INFO"}))
os.write(1, b"to the end")
"""


def test_a_run_goes_on_where_nobody_reads_what_it_prints_any_more() -> None:
    command = [sys.executable, "-c", UNREAD]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as run:  # type: ignore[call-overload]
        run.stderr.close()
        run.stdin.write("go\n")
        run.stdin.flush()
        assert run.stdout.read() == "to the end"
