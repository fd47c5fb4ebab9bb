"""A run's clients and a server that is not there yet."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient

from flows import reconnect  # noqa: F401  # what is tested
from tasks.engines.processes.ports import free_port

AWAY_S = 2.0


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(True).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def away() -> Iterator[str]:
    """The address of a server that comes up in two seconds."""
    port, servers = free_port(), list[HTTPServer]()

    def come_up() -> None:
        time.sleep(AWAY_S)
        servers.append(HTTPServer(("127.0.0.1", port), Answers))
        servers[0].serve_forever()

    thread = threading.Thread(target=come_up)
    thread.start()
    yield f"http://127.0.0.1:{port}/health"
    servers[0].shutdown()
    servers[0].server_close()
    thread.join()


def test_a_client_that_has_never_connected_asks_again(away: str) -> None:
    assert PrefectHttpxSyncClient().get(away).json() is True


def test_and_so_does_an_asynchronous_one(away: str) -> None:
    async def ask() -> bool:
        async with PrefectHttpxAsyncClient() as client:
            return bool((await client.get(away)).json())

    assert asyncio.run(ask())
