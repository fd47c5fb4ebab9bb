"""Ask a served model: everything a stage wants at once, up to a limit, through the OpenAI-compatible interface.

Answers go into a journal as they come.
"""

import asyncio
import concurrent.futures
import resource
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from tasks.engines.calls import Answer, Call
from tasks.engines.completions import Completions
from tasks.engines.journal import Journal
from tasks.engines.server import Server
from tasks.engines.serving.weights import HEADER
from tasks.engines.tokenizing.tokens import Tokens
from tasks.store.rows import OVER_CONTEXT

TIMEOUT_S = 1800.0  # of one request, waiting in the engine's queue included
IDLE_S = 30.0  # a connection; the server keeps it longer, so that none is used while it closes it
LOOK_EVERY_S = 10.0  # whether the engine is there while it is asked
REASON_CHARACTERS = 500
TOO_LONG = "maximum context length"  # vLLM's words
OPEN_FILES = 65_536


class Refused(ValueError):
    """The engine can do nothing with a request, however often it is sent."""


def more_connections() -> None:
    """As many open files as this process may have, up to 65,536: 512 requests for each of 8 GPUs are 4,096 sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class EngineClient:
    """Thread-safe: one event loop, one connection pool and one limit for all threads that ask the same engine.

    `servers` have one model all, of that digest, which they confirm with each request; "" asks whatever is there.
    """

    def __init__(self, servers: Sequence[Server], model: str, name: str, in_flight: int, tokens: Tokens):
        self.model = model
        self._servers, self._name, self._tokens = servers, name, tokens
        self._most = in_flight * len(servers)
        self._busy = [0] * len(servers)
        more_connections()
        self._closing = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine-client", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    async def _open(self) -> None:
        named = {HEADER: self.model} if self.model else {}
        # No retries here: a stage's task retries, after the engine was checked and started again if it is dead.
        self._sessions = [
            aiohttp.ClientSession(
                server.url,
                headers=server.headers | named | {"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
            )
            for server in self._servers
        ]
        self._completions = Completions(self._post, self._name, self._tokens)
        self._gate = asyncio.Semaphore(self._most)

    def close(self) -> None:
        """Whoever waits for an answer gets a ConnectionError. Any thread may call it, and more than once."""

        async def close() -> None:
            asking = asyncio.all_tasks() - {asyncio.current_task()}
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            for session in self._sessions:
                await session.close()

        with self._closing:
            if self._thread.is_alive():
                asyncio.run_coroutine_threadsafe(close(), self._loop).result()
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()

    def ask(self, calls: Sequence[Call], journal: Journal, on_answer: Callable[[Answer], None]) -> list[Answer]:
        """The answers in the order of `calls`; raises ConnectionError, or ValueError for what cannot be asked."""
        with self._closing:
            if not self._thread.is_alive():
                raise ConnectionError("the engine was ended")
            future = asyncio.run_coroutine_threadsafe(self._ask(calls, journal, on_answer), self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise ConnectionError("the engine was ended while it was asked") from None

    async def _ask(self, calls: Sequence[Call], journal: Journal, on_answer: Callable[[Answer], None]) -> list[Answer]:
        left = iter(calls)

        async def one_by_one(add: Callable[[Answer], None]) -> None:
            async with self._gate:  # as long as there are calls: shards at once would come to their ends together
                for call in left:
                    if call.key not in journal.answers:
                        add(await self._answer(call))
                    on_answer(journal.answers[call.key])

        async def all_of_them() -> None:
            with journal.adding() as add:
                try:
                    async with asyncio.TaskGroup() as group:
                        for _ in range(min(len(calls), self._most)):  # not a task for each call
                            group.create_task(one_by_one(add))
                except* Exception as failures:
                    raise failures.exceptions[0] from None  # one dead engine fails all of them alike

        asking, watching = asyncio.create_task(all_of_them()), asyncio.create_task(self._until_one_is_gone())
        try:
            await asyncio.wait((asking, watching), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise ConnectionError("the engine takes no more requests and does not answer those it has")
            asking.result()
        finally:
            asking.cancel()
            watching.cancel()
        return [journal.answers[call.key] for call in calls]

    async def _answer(self, call: Call) -> Answer:
        try:
            return await self._completions.answer(call)
        except Refused as error:
            if TOO_LONG in str(error):  # of many rows one: it has no answer, and whoever asked takes it out
                return Answer(call=call.key, finish=OVER_CONTEXT, prompt_tokens=0, new_tokens=0)
            text = " ".join((call.response or call.messages[-1]["content"]).split())[:80]
            raise ValueError(
                f"{call.row} (“{text}”): the engine refused the request: {error} Take the row with this text out, "
                "or see what the engine's log says of it"
            ) from error

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        """The reply's JSON, from the server with the least to do; raises ConnectionError or Refused."""
        which = self._busy.index(min(self._busy))
        self._busy[which] += 1
        try:
            async with self._sessions[which].post(path, data=orjson.dumps(body)) as reply:
                if reply.status == HTTPStatus.OK:
                    return orjson.loads(await reply.read())
                reason = (await reply.text())[:REASON_CHARACTERS]
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:  # a gateway's page is no JSON
            raise ConnectionError(f"{self._servers[which].url}: {type(error).__name__}: {error}") from error
        finally:
            self._busy[which] -= 1
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status == HTTPStatus.CONFLICT:
            raise ConnectionError(f"{self._servers[which].url}{path}: {reply.status} {reason}")
        raise Refused(f"{path}: {reply.status} {reason}")

    async def _until_one_is_gone(self) -> None:
        """Returns once a server takes no connection, or its engine core is dead.

        After a SIGTERM vLLM ends its core and then waits for open requests, which nobody answers any more.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for server in self._servers:  # each by a connection of its own: one that is open says nothing about a new
                if not await asyncio.to_thread(server.alive):
                    return
