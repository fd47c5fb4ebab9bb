"""The client of an engine: everything a stage asks is in flight at once, up to the limit."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tasks.backends.client import EngineClient, Journal
from tasks.backends.control_tokens import PlainText
from tasks.calls import Call, chat

AT_ONCE = 4


@pytest.fixture
def crowd() -> Iterator[tuple[str, list[int]]]:
    """An engine that answers nobody before AT_ONCE requests are there; and how many were there at most."""
    together, lock, there, most = threading.Barrier(AT_ONCE, timeout=20), threading.Lock(), [0], [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                there[0] += 1
                most[0] = max(most[0], there[0])
            together.wait()
            with lock:
                there[0] -= 1
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
            content = json.dumps(reply | {"usage": usage}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", most
    server.shutdown()
    server.server_close()


def test_all_requests_of_a_stage_are_in_flight_at_once_up_to_the_limit(
    crowd: tuple[str, list[int]], tmp_path: Path
) -> None:
    url, most = crowd
    client = EngineClient(url, "key", "model", AT_ONCE, PlainText([]))
    calls = [Call(kind="write", row=f"row {i}", messages=chat(f"Say {i}.")) for i in range(3 * AT_ONCE)]
    answers = client.ask(calls, Journal(tmp_path / "journal"), lambda _: None)
    client.close()
    assert [answer.call for answer in answers] == [call.key for call in calls]
    assert most == [AT_ONCE]
