"""A small engine for tests: it answers each request as a function says, over real HTTP."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from tokenizers import Tokenizer
from tokenizers.models import BPE

from tasks.engines.client import EngineClient
from tasks.engines.server import Server
from tasks.engines.tokenizing.control_tokens import PlainText
from tasks.engines.tokenizing.tokens import Tokens

Reply = Callable[[str, Any], tuple[int, Any]]  # from path and body to status and body
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
CHAT_ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
    "usage": USAGE,
}


@contextlib.contextmanager
def listening(reply: Reply, health: int = 200, said: Any = None) -> Iterator[str]:
    """The address of an engine that answers as `reply` says, each request in a thread of its own; `said` on a GET."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, body = reply(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            content = json.dumps(said).encode() if said else b""
            self.send_response(health)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as address:
        yield address


def asking(url: str, in_flight: int, plain: PlainText = PlainText(())) -> EngineClient:  # noqa: B008
    """A client that knows no template: it has the engine tokenize."""
    return EngineClient([Server(url, "key")], "", "model", in_flight, Tokens(plain, Tokenizer(BPE()), None))


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server of these requests, each in a thread of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def unguarded(url: str, key: str) -> tuple[list[str], int]:
    """Operations of a server, by its own description, that answer without the key; and how many it describes."""
    described = httpx.get(f"{url}/openapi.json", headers={"Authorization": f"Bearer {key}"}).raise_for_status().json()
    more = [("get", path) for path in ("/openapi.json", "/docs", "/metrics")]  # which it does not describe
    found = [(method, path) for path, methods in described["paths"].items() for method in methods] + more
    answered = [f"{method} {path}" for method, path in found if httpx.request(method, url + path).status_code != 401]
    return answered, len(found)
