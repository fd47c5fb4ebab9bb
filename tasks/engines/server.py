"""A server of ours at an address: whether it lives, which model it answers by, and another one in its place."""

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from tasks.engines.serving.weights import MODEL, REST

LOAD_WITHIN_S = 600.0  # requests under way are waited for, too
ALIVE_WITHIN_S = 30.0
LOOK_EVERY_S = 2.0  # whether it lives, while it is asked


class SwapFailed(RuntimeError):
    """The server does not answer by the model that it was to load, or nobody knows."""


class EngineNotStarted(RuntimeError):
    """An engine that never came up: its model or its settings are wrong, and another start would end the same way."""

    retryable = False


class Server:
    def __init__(self, url: str, key: str):
        self.url, self.headers = url, ({"Authorization": f"Bearer {key}"} if key else {})

    def alive(self) -> bool:
        """Whether it answers now. vLLM's health check fails once its engine core is dead."""
        try:
            return self._ask("GET", "/health", ALIVE_WITHIN_S).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def model(self) -> str:
        """Digest of the content of the folder that it has loaded, empty while it has none; raises SwapFailed."""
        return self._says("model")

    def dtype(self) -> str:
        """What it computes in; raises SwapFailed where it does not say, as a server that is not ours."""
        return self._says("dtype")

    def _says(self, what: str) -> str:
        said = self._asked("GET", MODEL, ALIVE_WITHIN_S)
        if what not in said:
            raise SwapFailed(f"GET {MODEL}: expected {what}, found {said}")
        return str(said[what])

    def load(self, folder: Path, digest: str) -> None:
        """Returns once it answers by that model, which it confirms by its content's digest; raises SwapFailed."""
        found = self._asked("PUT", MODEL, LOAD_WITHIN_S, {"folder": str(folder), "digest": digest})["model"]
        if found != digest:
            raise SwapFailed(f"the engine says that it has loaded {found or 'no whole model'}, expected {digest}")

    def rest(self) -> None:
        """It gives up weights and cache until the next `load`; raises SwapFailed."""
        self._asked("POST", REST, LOAD_WITHIN_S)

    def _asked(self, method: str, path: str, within_s: float, body: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            reply = self._while_it_lives(lambda: self._ask(method, path, within_s, body))
            said: dict[str, Any] = reply.json() if reply.content else {}
        except (httpx.HTTPError, ValueError) as error:
            raise SwapFailed(f"{method} {path}: {type(error).__name__}: {error}") from error
        if reply.status_code != httpx.codes.OK:
            raise SwapFailed(f"{method} {path}: {reply.status_code} {said.get('error', said)}")
        return said

    def _while_it_lives(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """A server whose core died at a request leaves that request open until somebody ends it."""
        asking = ThreadPoolExecutor(1)
        try:
            reply = asking.submit(ask)
            while True:
                try:
                    return reply.result(LOOK_EVERY_S)
                except TimeoutError:
                    if not self.alive():
                        raise SwapFailed("the engine is gone and answers no more") from None
        finally:
            asking.shutdown(wait=False)

    def _ask(self, method: str, path: str, within_s: float, body: dict[str, str] | None = None) -> httpx.Response:
        return httpx.request(
            method, self.url + path, headers=self.headers, json=body, timeout=within_s, verify=trusted()
        )


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that are trusted, read once: for each request anew they took 60 to 80 ms, also without TLS."""
    return httpx.create_ssl_context()
