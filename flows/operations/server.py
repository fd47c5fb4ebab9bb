"""The Prefect API that a run reports to: that of PREFECT_API_URL or `lance up`, or an embedded server on SQLite.

Prefect can start a temporary server itself, but that one outlives a killed run; this one is supervised like any child.
"""

import base64
import contextlib
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from flows.operations import collected
from flows.operations.service import Service
from tasks.engines.processes.child import Child, ChildFailed
from tasks.engines.processes.ports import free_port
from tasks.engines.processes.progress import Progress
from tasks.store.home import Home

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

START_DEADLINE_S = 300.0  # the first start makes the database: 15 s alone, minutes on a busy machine
HEARTBEAT_S = "60"  # tells a dead run from a long one (deployments/automations.yaml)
# To be set before prefect is imported, which reads its settings then.
CLIENT = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the terminal is the progress display's
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": HEARTBEAT_S,
    "DO_NOT_TRACK": "1",
}
UNAUTHORIZED = 401
# Of an embedded server: a password, and what keeps this terminal quiet: its log says why it ended.
NOT_FOR_IT = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL")
NO_SUCH_REVISION = "Can't locate revision"  # Alembic's words
SERVER_SERVICE = "prefect-server"  # the one of `lance up`
LOCAL = ("127.0.0.1", "localhost")
COLLECTED = [sys.executable, "-P", collected.__file__]  # no module of the folder's, or of PYTHONPATH's
SERVER = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
EMBEDDED = SERVER | {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",  # without the services for workers and schedules
    "PREFECT__SERVER_FINAL": "1",
}


def without_proxy(env: Mapping[str, str], *hosts: str) -> dict[str, str]:
    """Server and engine are on this machine, or on one of these: no proxy is in between."""
    return {
        key: ",".join(dict.fromkeys(filter(None, [*env.get(key, "").split(","), *LOCAL, *hosts])))
        for key in ("NO_PROXY", "no_proxy")
    }


def known_address(home: Home) -> str:
    """The API of PREFECT_API_URL or `lance up`; empty where there is none."""
    return os.environ.get("PREFECT_API_URL") or Service(home, SERVER_SERVICE).address() or ""


@contextlib.contextmanager
def prefect_api(home: Home, progress: Progress) -> Iterator[None]:
    """Have an API while the block runs. To be entered before prefect is imported for the first time."""
    os.environ.setdefault("PREFECT_HOME", str(home.prefect))
    for key, value in CLIENT.items():
        os.environ.setdefault(key, value)
    os.environ.update(without_proxy(os.environ))
    if given := known_address(home):
        if not answers(given):
            raise ConnectionError(
                f"no Prefect server answers at PREFECT_API_URL={given}: start it (`lance up`), or unset it for "
                "an embedded one"
            )
        os.environ["PREFECT_API_URL"] = given
        os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "8")  # flows/reconnect.py; an embedded one never comes back
        check_password(given)
        yield
        return
    port = free_port()
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    command = [*COLLECTED, "uvicorn", "--factory", "prefect.server.api.server:create_app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    # Nobody else hears of this server: a password that is meant for that of `lance up` would shut us out.
    own = {key: value for key, value in os.environ.items() if key.startswith("PREFECT_")}
    settings = {key: value for key, value in own.items() if key not in NOT_FOR_IT}
    with Child("the Prefect server", command, home.logs / "prefect-server.log", env=settings | EMBEDDED) as child:
        try:
            with progress.waiting("starting the Prefect server") as on_wait:
                started = time.monotonic()
                on_wait(0)
                import prefect.flows  # noqa: F401  # two seconds of imports, while the server has its own

                try:
                    _wait(child, started, on_wait)
                except ChildFailed as error:
                    check_revision(str(error), home)
                    raise
            yield
        finally:
            _send_what_is_logged()
            del os.environ["PREFECT_API_URL"]


@contextlib.contextmanager
def client_of(home: Home) -> Iterator["SyncPrefectClient"]:
    """A client of that API. To be entered before prefect is imported for the first time.

    Later it had read its settings: its client then started a server of its own on the same database.
    """
    assert "prefect" not in sys.modules, "prefect was imported before it was told where its server is"
    with prefect_api(home, Progress()):
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            yield client


def _send_what_is_logged() -> None:
    """Before the server ends: Prefect sends log lines from a thread, which would find nobody there at exit."""
    if "prefect" in sys.modules:
        from prefect.logging.handlers import APILogHandler

        APILogHandler().flush()


def check_password(url: str) -> None:
    """Raises ValueError where the server does not let us in."""
    password = os.environ.get("PREFECT_API_AUTH_STRING") or os.environ.get("PREFECT_SERVER_API_AUTH_STRING") or ""
    if password:
        os.environ["PREFECT_API_AUTH_STRING"] = password
    basic = base64.b64encode(password.encode()).decode()
    request = urllib.request.Request(f"{url}/admin/version", headers={"Authorization": f"Basic {basic}"})
    try:
        urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        if error.code == UNAUTHORIZED:
            wrong = "it is not the one in PREFECT_API_AUTH_STRING" if password else "none is set"
            raise ValueError(
                f"the Prefect server at {url} wants a password, and {wrong}: set PREFECT_API_AUTH_STRING=NAME:PASSWORD"
            ) from None


def check_revision(said: str, home: Home) -> None:
    """Raises ValueError where a server ended because its database is newer than it is."""
    if NO_SUCH_REVISION in said:
        own = os.environ.get("PREFECT_SERVER_DATABASE_CONNECTION_URL")
        anew = "give another database" if own else f"move {home.prefect / 'prefect.db'} away"
        raise ValueError(
            "the database of Prefect's server was written by a newer version of Prefect: use that one, or, to begin "
            f"anew, {anew} (evolutions and artifacts are elsewhere, and stay)"
        )


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/health", timeout=5)
    except urllib.error.HTTPError:
        return True  # it is there, and wants a password
    except (urllib.error.URLError, OSError, ValueError):
        return False
    return True


def _wait(child: Child, started: float, on_wait: Callable[[float], None]) -> None:
    while True:
        child.check()
        if answers(os.environ["PREFECT_API_URL"]):
            return
        on_wait(waited_s := time.monotonic() - started)
        if waited_s > START_DEADLINE_S:
            raise TimeoutError(f"the Prefect server was not up after {START_DEADLINE_S:.0f} s; its log is {child.log}")
        time.sleep(0.2)
