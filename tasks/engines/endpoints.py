"""Servers that are there already (`engine.endpoints`), in place of an engine of the run's own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

from tasks.engines.calls import chat
from tasks.engines.client import EngineClient
from tasks.engines.completions import CHAT, COMPLETIONS
from tasks.engines.server import EngineNotStarted, Server, SwapFailed, trusted
from tasks.engines.tokenizing.tokens import Tokens
from tasks.engines.vllm import SERVED_NAME
from tasks.recipe.running import EngineConfig

KEY = "LANCE_ENGINE_KEY"
PROBE_WITHIN_S = 120.0


class Endpoints:
    """All of them as one engine; each request goes to the one with the least to do. They are never ended.

    Whatever they cannot do that a run needs is an EngineNotStarted which names it: there is nothing to fall back on.
    """

    on_the_device = False

    def __init__(self, model: Path, config: EngineConfig, dtype: str):
        key = os.environ.get(KEY, "")
        self._servers = [Server(url.rstrip("/"), key) for url in config.endpoints]
        self._config, self._dtype, self._folder = config, dtype, model
        self.client = self._asking("")

    def _asking(self, model: str) -> EngineClient:
        return EngineClient(self._servers, model, SERVED_NAME, self._config.at_once(cuda=True), Tokens.of(self._folder))

    def wait_until_ready(self, _on_wait: Callable[[float], None], _on_waiting: Callable[[], None]) -> Self:
        missing = [f"{server.url}: {what}" for server in self._servers for what in self._missing(server)]
        if missing:
            raise EngineNotStarted(f"engine.endpoints: {'; '.join(missing)}")
        return self

    def _missing(self, server: Server) -> list[str]:
        try:
            if (found := server.dtype()) != self._dtype:
                return [f"it serves in {found}, expected {self._dtype} (engine.dtype)"]
        except SwapFailed as error:
            return [f"it does not say which model it has loaded: start it by `lance serve NAME --for-runs` ({error})"]
        wanted = {
            "no log-probabilities of prompts (prompt_logprobs)": _reads_prompts,
            "the same seed does not give the same text": _has_seeds,
        }
        return [what for what, works in wanted.items() if not works(server)]

    def confirm(self, digest: str) -> None:
        """They all answer by that model, loaded where another one was; raises EngineNotStarted."""
        self.load(self._folder, digest)

    def load(self, model: Path, digest: str) -> None:
        self.client.close()
        for server in self._servers:
            try:
                server.load(model, digest)
            except SwapFailed as error:
                raise EngineNotStarted(f"engine.endpoints: {server.url} cannot load {model}: {error}") from error
        self._folder = model
        self.client = self._asking(digest)

    def rest(self) -> None:
        """Nothing of theirs is on this run's device."""

    def alive(self) -> bool:
        return all(server.alive() for server in self._servers)

    def stop(self) -> None:
        self.client.close()


def _reads_prompts(server: Server) -> bool:
    reply = _post(server, COMPLETIONS, {"prompt": "One, two, three.", "max_tokens": 1, "prompt_logprobs": 0})
    return bool(reply and any(reply["choices"][0].get("prompt_logprobs") or ()))


def _has_seeds(server: Server) -> bool:
    body = {"messages": list(chat("Say some words.")), "max_tokens": 12, "temperature": 1.0}
    texts = [_post(server, CHAT, body | {"seed": seed}) for seed in (1, 1)]
    said = [reply["choices"][0]["message"]["content"] for reply in texts if reply]
    return len(said) == 2 and said[0] == said[1]


def _post(server: Server, path: str, body: dict[str, Any]) -> Any:
    """The reply, or nothing where the server refuses."""
    named = {"model": SERVED_NAME, **body}
    try:
        reply = httpx.post(
            server.url + path, headers=server.headers, json=named, timeout=PROBE_WITHIN_S, verify=trusted()
        )
        return reply.json() if reply.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError):
        return None
