"""A run that nobody reads any more, as when its worker was killed."""

import subprocess
import sys

UNREAD = """
import os, sys
from prefect.logging.handlers import PrefectConsoleHandler
from tasks.engines.processes.progress import Progress
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
