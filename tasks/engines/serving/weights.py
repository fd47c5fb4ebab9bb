"""Which model a server answers by: said on request, changed in place, and never mixed up.

    GET  /lance/model                      {"model": DIGEST, "dtype": ...}; an empty model while it has none
    PUT  /lance/model {folder, digest}     another model of the same shape in its place, or 409 with the reason
    POST /lance/rest                       weights and cache are given up until the next PUT (on a GPU: vLLM's sleep)

Both changes only where the server was started for runs (LANCE_FOR_RUNS): who may ask need not be who may change it.
A request with the header `X-Lance-Model: DIGEST` is answered by that model or refused (409). vLLM's own paths for this
are open in its development mode alone, with many others, and know nothing of requests under way.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MODEL, REST = "/lance/model", "/lance/rest"
HEADER = "X-Lance-Model"
FOR_RUNS = "LANCE_FOR_RUNS"
RESET_WITHIN_S = 60.0  # blocks of requests that were just given up are held for another step of the engine


class Weights:
    """ASGI middleware, loaded by vLLM (`--middleware`) in the model environment."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]):
        self._app = app
        self._model: str | None = None  # not asked yet
        self._rests = False
        self._change = asyncio.Lock()  # two swaps at once: one behind the other
        self._changes = 0  # under way or waiting: nobody else is let in
        self._asking = 0
        self._nobody_asks = asyncio.Event()
        self._nobody_asks.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif (scope["method"], scope["path"]) == ("GET", MODEL):
            await _reply(send, 200, {"model": await self._loaded(_engine(scope)), "dtype": _dtype(_engine(scope))})
        elif (scope["method"], scope["path"]) in (("PUT", MODEL), ("POST", REST)) and FOR_RUNS not in os.environ:
            await _reply(send, 403, {"error": "this server keeps its model: it was not started for runs"})
        elif (scope["method"], scope["path"]) == ("PUT", MODEL):
            await self._reporting(send, self._load(_engine(scope), **await _body(receive)))
        elif (scope["method"], scope["path"]) == ("POST", REST):
            await self._reporting(send, self._rest(_engine(scope)))
        elif scope["path"].startswith("/v1/"):
            await self._ask(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = [value.decode() for name, value in scope["headers"] if name == HEADER.lower().encode()]
        there = await self._loaded(_engine(scope))
        if self._changes or not there or any(one != there for one in wanted):
            found = "another one is being loaded" if self._changes else f"{there or 'none'} is loaded"
            await _reply(send, 409, {"error": f"asked of model {', '.join(wanted)}: {found}"})
            return
        self._asking += 1  # nothing was waited for since the look
        self._nobody_asks.clear()
        try:
            await self._app(scope, receive, send)
        finally:
            self._asking -= 1
            if not self._asking:
                self._nobody_asks.set()

    async def _loaded(self, engine: Any) -> str:
        if self._model is None:
            async with self._change:
                if self._model is None:
                    self._model = await _agreed(engine)
                return self._model
        return self._model

    async def _load(self, engine: Any, folder: str, digest: str) -> None:
        async with self._change:
            await self._nobody_asks.wait()
            if (self._model or await _agreed(engine)) != digest:
                self._model = None  # whatever comes of it, the workers are asked
                if self._rests:
                    await engine.wake_up(["weights"])
                await engine.collective_rpc("lance_load", args=(folder, digest))
                try:
                    if self._rests:
                        await engine.wake_up(["kv_cache"])
                    await _forget_prompts(engine)
                except BaseException:
                    await engine.collective_rpc("lance_forget")
                    raise
                self._rests = False
            self._model = await _agreed(engine)
            if self._model != digest:
                raise ValueError(f"the workers hold {self._model or 'no whole model'}, not {digest}")

    async def _rest(self, engine: Any) -> None:
        async with self._change:
            await self._nobody_asks.wait()
            self._model = None
            await engine.collective_rpc("lance_forget")
            await engine.sleep(level=2)  # 2: gives the weights up, too, where 1 copies them into the machine's memory
            self._rests = True

    async def _reporting(self, send: Send, change: Awaitable[None]) -> None:
        self._changes += 1
        try:
            await change
            status, said = 200, {"model": self._model}
        except Exception as error:  # whatever it is, whoever asked has to know that it has no model
            status, said = 409, {"error": f"{type(error).__name__}: {error}"}
        finally:
            self._changes -= 1
        await _reply(send, status, said)


def _engine(scope: Scope) -> Any:
    return scope["app"].state.engine_client


def _dtype(engine: Any) -> str:
    return str(engine.model_config.dtype).removeprefix("torch.")


async def _agreed(engine: Any) -> str:
    """What all workers hold; empty where they do not agree."""
    found = set(await engine.collective_rpc("lance_loaded"))
    return str(found.pop()) if len(found) == 1 else ""


async def _forget_prompts(engine: Any) -> None:
    """What the model before computed of prompts says nothing about this one."""
    async with asyncio.timeout(RESET_WITHIN_S):
        while not await engine.reset_prefix_cache():
            await asyncio.sleep(0.02)


async def _body(receive: Receive) -> dict[str, str]:
    content, more = b"", True
    while more:
        message = await receive()
        content += message.get("body", b"")
        more = message.get("more_body", False)
    return dict(json.loads(content))


async def _reply(send: Send, status: int, body: dict[str, Any]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
