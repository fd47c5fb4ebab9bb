"""A PostgreSQL server of Debian's package in a folder of its own, on 127.0.0.1."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tasks.engines.processes.ports import free_port

USER = "postgres"  # the server does not run as root


class Postgres:
    def __init__(self, port: int):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        assert found, "no PostgreSQL: apt-get install postgresql"
        self._bin, self.port = found[-1], port
        self.folder = Path(tempfile.mkdtemp(prefix="lance-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER, USER)
        self._as_user(self._bin / "initdb", "--pgdata", self.data, "--auth", "trust", "--username", USER)
        self.start()
        self._as_user(self._bin / "createdb", "--host", "127.0.0.1", "--port", str(port), "--username", USER, "lance")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://{USER}@127.0.0.1:{self.port}/lance"

    def start(self) -> None:
        """Goes on with what is in its folder, also behind a crash."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self._control("start", "--log", self.folder / "log.txt", "--wait", "--options", options)

    def process(self) -> psutil.Process:
        return psutil.Process(int((self.data / "postmaster.pid").read_text().splitlines()[0]))

    def accepts(self) -> bool:
        """No longer after a SIGTERM, though the server lives until its last client has left."""
        return subprocess.run([self._bin / "pg_isready", *self._there, "--quiet"], check=False).returncode == 0

    def stop(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
            self._control("stop", "--mode", "immediate", "--wait")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def dump(self, file: Path) -> None:
        with file.open("wb") as out:
            self._as_user(self._bin / "pg_dump", *self._there, "--format", "custom", "lance", stdout=out)

    def wipe(self) -> None:
        """An empty database in place of the one there is."""
        self._as_user(self._bin / "dropdb", *self._there, "lance")
        self._as_user(self._bin / "createdb", *self._there, "lance")

    def restore(self, file: Path) -> None:
        with file.open("rb") as dump:
            self._as_user(self._bin / "pg_restore", *self._there, "--dbname", "lance", stdin=dump)

    def die(self, number: signal.Signals) -> None:
        """The postmaster gets the signal; returns once none of its processes is left (SIGTERM waits for clients)."""
        server = self.process()
        family = [server, *server.children(recursive=True)]
        server.send_signal(number)
        until = time.monotonic() + 5
        while any(one.is_running() for one in family) and time.monotonic() < until:
            time.sleep(0.1)

    @property
    def _there(self) -> tuple[str, ...]:
        return ("--host", "127.0.0.1", "--port", str(self.port), "--username", USER)

    def _control(self, *arguments: object) -> None:
        self._as_user(self._bin / "pg_ctl", "--pgdata", self.data, *arguments)

    def _as_user(self, *command: object, **how: object) -> None:
        prefix = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
        quiet = {"stdout": subprocess.DEVNULL, "stdin": subprocess.DEVNULL} | how
        subprocess.run([*prefix, *map(str, command)], check=True, cwd="/", **quiet)  # type: ignore[call-overload]


@contextlib.contextmanager
def asked_for() -> Iterator[dict[str, str]]:
    """The variables of a server on LANCE_TEST_DATABASE: none of sqlite, of postgresql one that is nobody else's."""
    if os.environ.get("LANCE_TEST_DATABASE", "sqlite") == "sqlite":
        yield {}
        return
    it = Postgres(free_port())
    try:
        yield {"PREFECT_SERVER_DATABASE_CONNECTION_URL": it.url}
    finally:
        it.remove()
