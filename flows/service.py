"""A service of this machine: one process that outlives the command which started it, found again by its file.

services/MACHINE/NAME.json holds its process number, when that process began (numbers are used again), and where it
listens.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tasks.artifacts import write_atomically
from tasks.home import Home


@dataclass(frozen=True)
class Service:
    home: Home
    name: str

    @property
    def file(self) -> Path:
        return self.home.services / f"{self.name}.json"

    @property
    def log(self) -> Path:
        return self.home.logs / f"{self.home.services.name}-{self.name}.log"

    def process(self) -> psutil.Process | None:
        """The living process, None where there is none."""
        with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess, ValueError, KeyError):
            known = json.loads(self.file.read_text(encoding="utf-8"))
            process = psutil.Process(known["pid"])
            if process.create_time() == known["began"] and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def address(self) -> str | None:
        """Where the living process listens."""
        return str(json.loads(self.file.read_text(encoding="utf-8"))["address"]) if self.process() else None

    def start(self, command: Sequence[str], env: Mapping[str, str], address: str = "") -> bool:
        """Start it in a session of its own, unless it runs; whether it was started."""
        if self.process():
            return False
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                command, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        began = psutil.Process(child.pid).create_time()
        write_atomically(self.file, json.dumps({"pid": child.pid, "began": began, "address": address}))
        return True

    def stop(self, deadline_s: float) -> bool:
        """SIGTERM, and SIGKILL to all of it behind the deadline; whether there was anything to stop."""
        process = self.process()
        if process is None:
            self.file.unlink(missing_ok=True)
            return False
        family = [process, *process.children(recursive=True)]
        process.send_signal(signal.SIGTERM)
        until = time.monotonic() + deadline_s
        while any(_alive(one) for one in family) and time.monotonic() < until:
            with contextlib.suppress(ChildProcessError):  # ours, where this same command started it
                os.waitpid(process.pid, os.WNOHANG)
            time.sleep(0.1)
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.file.unlink(missing_ok=True)
        return True

    def last_lines(self, count: int = 5) -> str:
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        return ""


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
