"""What `lance up` and `lance down` do: Prefect server, site of results, pools, deployments, automations, and this
machine's workers."""

import os
import socket
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from flows.operations.server import (
    COLLECTED,
    HEARTBEAT_S,
    SERVER,
    SERVER_SERVICE,
    answers,
    check_password,
    check_revision,
    without_proxy,
)
from flows.operations.service import Service
from tasks.engines.processes.platform import Platform, detect, visible_gpus
from tasks.evolution import lock
from tasks.store.files import write_atomically
from tasks.store.home import ROOT, Home

START_DEADLINE_S = 300.0
NO_GPU = "no GPU here: deployments on lance-gpu wait for another machine; `lance up --pool lance-cpu` runs them here"
STOP_DEADLINE_S = 15.0  # of nothing that works; a worker that had once lost its server did not end of a SIGTERM in 30
LEAVES_WITHIN_S = 15.0  # the process of a run whose state is final already
ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # where a server listens, and one of the addresses that it has by that
DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
SITE_SERVICE = "site"
SITE = [sys.executable, "-P", "-c", "from flows.cli.main import main; main()", "site"]  # -P: no module of the folder's
NEW_DATABASE = "the Prefect server, which makes its database the first time"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A server that is restarted knows its leases again; what is old goes by itself.
SETTINGS = SERVER | {
    "PREFECT_UI_API_URL": "/api",  # where the page came from; otherwise --host, which is no address for a browser
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # Every 5 s by default, a transaction for each run that waits, and all at once: while 50 did, SQLite refused 798.
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * 24 * 3600),
}
START_WORKER = [sys.executable, "-P", str(Path(__file__).with_name("worker.py")), "--pool"]
WORKER = {
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": HEARTBEAT_S,
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # A busy SQLite answers 503 now and then: by Prefect's own 5, one of fifty runs asked for at once was called crashed
    # because the worker could not note at the server that it started it.
    "PREFECT_CLIENT_MAX_RETRIES": "8",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Where server and site listen, or the API of a server that runs already; what this machine does for it.

    `slots` is how many runs share its GPUs, `notify` a block for failed runs, `pool` where all deployments
    run from now on (None: as before).
    """

    host: str = "127.0.0.1"
    port: int = 4200
    site_port: int = 4210
    server: str = ""
    slots: int = 1
    workers: bool = True
    notify: str = ""
    pool: str | None = None


def up(home: Home, asked: Asked, console: Console) -> str:
    """Everything in place, whatever was there before; the UI's address. Twice changes nothing."""
    _check(asked)
    here = ANY.get(asked.host, asked.host)
    url = asked.server.rstrip("/").removesuffix("/api") or f"http://{here}:{asked.port}"
    site, site_url, seen_at = Service(home, SITE_SERVICE), f"http://{here}:{asked.site_port}", ""
    env = environment(home, url)
    if not asked.server:
        if not site.process() and answers(site_url):
            raise ValueError(f"something else answers at {site_url}: give another --site-port")
        _start_server(home, asked, url, env, console)
    elif not answers(f"{url}/api"):
        raise ConnectionError(f"--server {asked.server}: no Prefect server answers at {url}/api")
    console.print(f"server       {url}")
    os.environ |= env
    home.prefect.mkdir(parents=True, exist_ok=True)
    check_password(f"{url}/api")
    if not asked.server:
        site.start([*SITE, "--host", asked.host, "--port", str(asked.site_port)], env, site_url)
        seen_at = site_url if asked.host == here else f"http://{socket.gethostname()}:{asked.site_port}"
    from flows.operations import deploy  # prefect reads its settings when it is imported

    for said in deploy.everything(ROOT, home, asked.workers, asked.notify, asked.pool, seen_at):
        console.print(said)
    if asked.workers:
        platform = detect()
        for name, command, own in _workers(platform, asked.slots):
            started = Service(home, name).start(command, WORKER | env | own)
            console.print(f"{'worker':<12} {name} {'started' if started else 'is running already'}")
        if not platform.gpus and not asked.pool:
            console.print(NO_GPU, soft_wrap=True)
    if seen_at:
        _check_site(site, site_url, console)
        console.print(f"results      {seen_at}")
    return url


def _start_server(home: Home, asked: Asked, url: str, env: dict[str, str], console: Console) -> None:
    """Unless it runs. Raises ValueError where something else answers there, OSError where it ends."""
    server = Service(home, SERVER_SERVICE)
    if not server.process() and answers(f"{url}/api"):
        raise ValueError(
            f"something else than a server of {home.root} answers at {url}: give another --port, or "
            f"--server {url} to work for it"
        )
    check_database(home)
    command = [*COLLECTED, "prefect", "server", "start", "--host", asked.host, "--port", str(asked.port)]
    start = partial(server.start, command, env | secured(asked.host), f"{url}/api")
    # One that runs may be about to end, as after a SIGTERM.
    if not start() and not _answers(server, f"{url}/api", console, NEW_DATABASE):
        start()
    if not _answers(server, f"{url}/api", console, NEW_DATABASE):
        check_revision(server.last_lines(30), home)
        raise OSError(f"the Prefect server ended: {server.last_lines()}\nits log is {server.log}")


def _check_site(site: Service, url: str, console: Console) -> None:
    """It was started with the rest. Raises OSError where it ended, as on a port that is taken."""
    if not _answers(site, url, console, "the site of results"):
        raise OSError(f"the site of results ended: {site.last_lines()}\nits log is {site.log}")


def down(home: Home, console: Console) -> None:
    """Stop the workers, then the server. Raises ValueError while an evolution has a run: it would be lost."""
    busy = lock.busy(home)
    if busy:
        raise ValueError(f"a run is under way: {', '.join(busy)}; wait for it, or `lance cancel {busy[0]}` first")
    found = sorted(home.services.glob("*.json"), key=lambda file: file.stem == SERVER_SERVICE)
    services = [Service(home, file.stem) for file in found]
    until = time.monotonic() + LEAVES_WITHIN_S
    while at_work := [service.name for service in services if service.runs()]:
        if time.monotonic() > until:
            raise ValueError(f"{at_work[0]} has a run under way: wait for it, or `lance cancel` it first")
        time.sleep(0.5)
    for service in services:
        stopped = service.stop(STOP_DEADLINE_S)
        console.print(f"{service.name} {'stopped' if stopped else 'was not running'}")
    if not found:
        console.print(f"no service is running from {home.root}")


def environment(home: Home, url: str) -> dict[str, str]:
    """What clients and services of this server have in common."""
    own = {"LANCE_HOME": str(home.root), "LANCE_ROOT": str(ROOT), "PREFECT_API_URL": f"{url}/api"}
    own |= without_proxy(os.environ, str(urlsplit(url).hostname))
    password = os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
    own |= {"PREFECT_API_AUTH_STRING": password} if password else {}
    return os.environ | {"PREFECT_HOME": str(home.prefect)} | own


def check_database(home: Home) -> None:
    """Raises ValueError where this machine's server was on another kind: with it, all runs would seem to be gone."""
    given = os.environ.get(DATABASE)
    now = "PostgreSQL" if given else "SQLite"
    file = home.services / "database"
    if file.exists() and (before := file.read_text()) != now:
        raise ValueError(
            f"this machine's server was on {before}, and {DATABASE} is {'set' if given else 'not set'}: have it as "
            f"it was, or delete {file} to begin anew on {now}"
        )
    write_atomically(file, now)


def secured(host: str) -> dict[str, str]:
    """The server's own settings: CSRF protection as soon as anybody else can reach it."""
    password = os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
    return SETTINGS | ({"PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true"} if password or host not in LOOPBACK else {})


def _check(asked: Asked) -> None:
    if asked.server and (asked.host, asked.port, asked.site_port) != (Asked.host, Asked.port, Asked.site_port):
        raise ValueError(
            f"--server {asked.server} is running already: expected no --host, no --port and no --site-port with it"
        )
    if asked.host not in LOOPBACK and not os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        raise ValueError(
            f"--host {asked.host} lets other machines in, and whoever may deploy may run code: set "
            "PREFECT_SERVER_API_AUTH_STRING=USER:PASSWORD first, and PREFECT_API_AUTH_STRING to the same for clients"
        )


def _workers(platform: Platform, slots: int) -> list[tuple[str, list[str], dict[str, str]]]:
    """Name, command and environment: one for the CPU pool, and one a GPU slot, which has its GPUs to itself."""
    machine, found = socket.gethostname(), list[tuple[str, list[str], dict[str, str]]]()
    found.append(("worker-cpu", [*START_WORKER, "lance-cpu", "--name", f"{machine}-worker-cpu"], {}))
    if slots > max(platform.gpus, 1):
        raise ValueError(f"--slots {slots}: expected at most one a GPU, and there are {platform.gpus}")
    for slot in range(slots if platform.gpus else 0):
        gpus = [gpu for i, gpu in enumerate(visible_gpus()) if i % slots == slot]
        name = f"worker-gpu-{slot}"
        command = [*START_WORKER, "lance-gpu", "--name", f"{machine}-{name}", "--limit", "1"]
        found.append((name, command, {"CUDA_VISIBLE_DEVICES": ",".join(gpus)}))
    return found


def _answers(service: Service, url: str, console: Console, what: str) -> bool:
    """Whether it does, in the end; else it ended."""
    until = time.monotonic() + START_DEADLINE_S
    with console.status(f"starting {what}"):
        while not answers(url):
            if service.process() is None:
                return False
            if time.monotonic() > until:
                raise TimeoutError(f"{what} did not answer after {START_DEADLINE_S:.0f} s; its log is {service.log}")
            time.sleep(0.3)
    return True
