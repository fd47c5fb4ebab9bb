"""A failed run is reported through a notification block of the user's choice."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.operations.served import Served, block
from tests.support.processes import wait_until


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The address of somebody who listens, and what was said."""
    said: list[dict[str, str]] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", said
        server.shutdown()


def test_a_failed_run_is_told_of_once_with_its_reason(served: Served, heard: tuple[str, list[dict[str, str]]]) -> None:
    url, said = heard
    refused = served.lance("up", *served.listens, "--notify", "custom-webhook/ops")
    assert refused.returncode == 2 and "make it in the UI under Blocks" in refused.stderr
    block(served, "ops", url)
    done = served.lance("up", *served.listens, "--notify", "custom-webhook/ops")
    assert done.returncode == 0 and "LANCE: a run failed created" in done.stdout, done.stdout + done.stderr
    run = served.start(name="bad-news", seeds="no/such/seeds.jsonl")
    assert served.wait(run)["state_type"] == "FAILED"
    wait_until(lambda: said, 60, "a notification", every_s=0.5)
    # Each once, however often it is delivered: where the database was locked behind it, Prefect sends it again.
    (one,) = {text["text"]: text for text in said if run in text["text"]}.values()
    assert one["subject"] == "LANCE: a run failed" and "no/such/seeds.jsonl" in one["text"], one
    assert "is Failed" in one["text"]
