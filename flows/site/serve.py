"""Serve the site until it is told to end."""

import os
import socket
from collections.abc import Callable

import uvicorn
from rich.console import Console

from flows.site.app import site
from flows.site.approvals import Approvals
from tasks.store.home import Home

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"  # the server's own, and its clients' name for it
OF_CLIENTS = "PREFECT_API_AUTH_STRING"


def serve(home: Home, host: str, port: int, api: Callable[[], str], console: Console) -> None:
    """`api` says where the Prefect server is now, "" where there is none.

    Raises ValueError for an address that others reach without a password, OSError for a port that is taken.
    """
    password = os.environ.get(PASSWORD) or os.environ.get(OF_CLIENTS) or ""
    if host not in LOOPBACK and not password:
        raise ValueError(
            f"--host {host}: others can reach that; expected {PASSWORD}=NAME:PASSWORD, found none: set it, or leave "
            "--host at 127.0.0.1"
        )
    names = ("*",) if host not in LOOPBACK else ("127.0.0.1", "localhost", "[::1]")
    family, shown = (socket.AF_INET6, f"[{host}]") if ":" in host else (socket.AF_INET, host)
    with socket.create_server((host, port), family=family) as taken:  # so that a taken port is said in words
        address = f"http://{shown}:{taken.getsockname()[1]}"
        console.print(f"results      {address}")
        approvals = Approvals(home, api, os.environ.get(OF_CLIENTS) or password)
        config = uvicorn.Config(site(home, password, approvals, names), log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[taken])
