"""Debian's Slurm with this machine as its one node, for as long as a block runs (needs root, slurm-wlm and munge)."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tasks.engines.processes.ports import free_port
from tests.support.processes import wait_until

CONFIGURATION = """
ClusterName=tests
SlurmctldHost={machine}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/linear
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
NodeName={machine} NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes={machine} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Slurm:
    folder: Path

    def ask(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        """What it prints; raises CalledProcessError."""
        own = dict(env or os.environ) | {"SLURM_CONF": str(self.folder / "slurm.conf")}
        done = subprocess.run(command, env=own, capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def state(self, job: str) -> str:
        """Of a job, such as RUNNING."""
        return self.ask("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T")

    def log(self, job: str) -> str:
        return (self.folder / f"lance-{job}.log").read_text()


@contextlib.contextmanager
def running() -> Iterator[Slurm]:
    with tempfile.TemporaryDirectory(prefix="slurm-") as name:  # a socket's path has to be short
        it, folder = Slurm(Path(name)), Path(name)
        for part in ("state", "spool"):
            (folder / part).mkdir()
        machine = socket.gethostname().partition(".")[0]
        text = CONFIGURATION.format(machine=machine, folder=folder, ports=(free_port(), free_port()))
        (folder / "slurm.conf").write_text(text)
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        files = [f"--{what}-file={folder}/munge.{what}" for what in ("key", "pid", "log", "seed")]
        try:
            it.ask("munged", "--force", *files, f"--socket={folder}/munge.socket")
            it.ask("slurmctld", "-i")
            it.ask("slurmd")
            wait_until(lambda: it.ask("sinfo", "--noheader", "--format=%T") == "idle", 60, "a node", every_s=0.5)
            yield it
        finally:
            for file in folder.glob("*.pid"):
                with contextlib.suppress(psutil.NoSuchProcess, ValueError):
                    psutil.Process(int(file.read_text())).send_signal(signal.SIGKILL)
