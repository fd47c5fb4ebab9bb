"""A service of this machine: one process that outlives the command which started it, found again by its file.

services/MACHINE/NAME.json holds its process number, what tells it from another process with that number, where it
listens and a digest of what it was started with.
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
from uuid import UUID

import psutil

from tasks.store.files import write_atomically
from tasks.store.home import Home
from tasks.store.rows import digest

# What tells one start of a service from another, beside its command. Of secrets only whether there is one.
TOLD = ("PREFECT_API_URL", "CUDA_VISIBLE_DEVICES")
SECRET = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_SERVER_DATABASE_CONNECTION_URL")

# Prefect's: the second prepares a run for seconds and then becomes the first. Hooks have a run's id, too, and are none.
RUN_BY = ("prefect.engine", "prefect.runner._workspace_supervisor")


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
            if _born(process.pid) == known["born"] and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def address(self) -> str | None:
        """Where the living process listens."""
        return self._known("address") if self.process() else None

    def start(self, command: Sequence[str], env: Mapping[str, str], address: str = "") -> bool:
        """Start it in a session of its own, unless it runs; whether it was started.

        Raises ValueError where it runs, and was started with something else.
        """
        settings = digest([list(command), [env.get(name) for name in TOLD], [name in env for name in SECRET]])
        if self.process():
            if self._known("settings") != settings:
                raise ValueError(
                    f"{self.name} runs already, with other settings (host, port, server, password, database, GPUs): "
                    "give the same again, or `lance down` first"
                )
            return False
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                command, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        known = {"pid": child.pid, "born": _born(child.pid), "address": address, "settings": settings}
        write_atomically(self.file, json.dumps(known))
        return True

    def runs(self) -> list[UUID]:
        """The flow runs that a worker has under way."""
        process = self.process()
        return list(flow_runs_of(process)) if process else []

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

    def _known(self, what: str) -> str:
        return str(json.loads(self.file.read_text(encoding="utf-8"))[what])

    def last_lines(self, count: int = 5) -> str:
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
        return ""


def flow_runs_of(worker: psutil.Process) -> dict[UUID, psutil.Process]:
    """That it has under way, with their processes, from when one is being prepared on."""
    found = dict[UUID, psutil.Process]()
    for child in worker.children():
        with contextlib.suppress(psutil.Error, KeyError):  # it may end meanwhile
            if any(module in " ".join(child.cmdline()) for module in RUN_BY):
                found[UUID(child.environ()["PREFECT__FLOW_RUN_ID"])] = child
    return found


def _born(pid: int) -> str:
    """Which start of the machine, and how many ticks later: when it was by the clock changes when the clock is set."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {stat[19]}"


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
