"""The swap as a server does it, over workers that are slow, refuse or fail at the wrong moment."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.engines.serving import weights
from tasks.engines.serving.weights import FOR_RUNS, HEADER, MODEL, REST, Weights


@pytest.fixture(autouse=True)
def _for_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOR_RUNS, "1")


class Workers:
    """What vLLM's engine client offers, with one worker behind it that says `one` at first."""

    model_config = SimpleNamespace(dtype="torch.bfloat16")

    def __init__(self) -> None:
        self.loaded, self.cache, self.log = "one", "of one", list[str]()
        self.fails: dict[str, Exception] = {}

    async def collective_rpc(self, method: str, args: tuple[str, ...] = ()) -> list[str]:
        await asyncio.sleep(0.01)
        self.log.append(method)
        if method in self.fails:
            raise self.fails[method]
        if method == "lance_load":
            self.loaded = ""
            await asyncio.sleep(0.01)
            self.loaded = args[1]
        if method == "lance_forget":
            self.loaded = ""
        return [self.loaded]

    async def reset_prefix_cache(self) -> bool:
        if "reset" in self.fails:
            raise self.fails["reset"]
        self.cache = ""
        return True

    async def sleep(self, level: int) -> None:
        self.log.append(f"sleep {level}")

    async def wake_up(self, tags: list[str]) -> None:
        self.log.append(f"wake {tags}")


class Front:
    """The middleware over an app that takes a while and says which model the workers had at both ends of it."""

    def __init__(self, workers: Workers):
        self.workers = workers
        self.app = Weights(self._answer)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        before = self.workers.loaded
        await asyncio.sleep(0.05)
        await weights._reply(send, 200, {"by": [before, self.workers.loaded]})

    async def ask(self, method: str, path: str, body: Any = None, model: str = "") -> tuple[int, Any]:
        sent: list[Any] = []
        headers = [(HEADER.lower().encode(), model.encode())] if model else []
        state = SimpleNamespace(state=SimpleNamespace(engine_client=self.workers))
        scope = {"type": "http", "method": method, "path": path, "headers": headers, "app": state}

        async def receive() -> dict[str, Any]:
            return {"body": json.dumps(body).encode()}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    def post(self, model: str = "") -> Coroutine[Any, Any, tuple[int, Any]]:
        return self.ask("POST", "/v1/completions", model=model)

    def load(self, model: str) -> Coroutine[Any, Any, tuple[int, Any]]:
        return self.ask("PUT", MODEL, {"folder": f"/{model}", "digest": model})


def run(scenario: Callable[[Front, Workers], Coroutine[Any, Any, None]]) -> None:
    workers = Workers()
    asyncio.run(scenario(Front(workers), workers))


def test_the_first_requests_come_all_at_once_and_are_all_answered() -> None:
    async def scenario(front: Front, workers: Workers) -> None:
        found = await asyncio.gather(*(front.post(model) for model in ["", "one"] * 4))
        assert {status for status, _ in found} == {200}
        assert workers.log == ["lance_loaded"], "asked once"

    run(scenario)


def test_a_swap_waits_for_who_is_asking_and_lets_nobody_in_meanwhile() -> None:
    async def scenario(front: Front, workers: Workers) -> None:
        first = asyncio.ensure_future(front.post("one"))
        await asyncio.sleep(0.03)
        swap = asyncio.ensure_future(front.load("two"))
        await asyncio.sleep(0)
        refused = await asyncio.gather(front.post("one"), front.post("two"), front.post())
        assert {status for status, _ in refused} == {409}
        assert await first == (200, {"by": ["one", "one"]})
        assert await swap == (200, {"model": "two"})
        assert await front.post("two") == (200, {"by": ["two", "two"]})
        assert await front.ask("GET", MODEL) == (200, {"model": "two", "dtype": "bfloat16"})
        assert (await front.post("one"))[0] == 409
        assert workers.cache == ""

    run(scenario)


def test_a_server_that_is_not_for_runs_says_its_model_and_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOR_RUNS)

    async def scenario(front: Front, workers: Workers) -> None:
        assert [(await one)[0] for one in (front.load("two"), front.ask("POST", REST))] == [403, 403]
        assert await front.ask("GET", MODEL) == (200, {"model": "one", "dtype": "bfloat16"})

    run(scenario)


def test_two_swaps_at_once_are_one_behind_the_other() -> None:
    async def scenario(front: Front, workers: Workers) -> None:
        done = await asyncio.gather(*(front.load(model) for model in ("two", "three", "two")))
        assert [status for status, _ in done] == [200] * 3
        assert await front.ask("GET", MODEL) == (200, {"model": workers.loaded, "dtype": "bfloat16"})
        assert (await front.post(workers.loaded))[0] == 200

    run(scenario)


@pytest.mark.parametrize("fails", ["lance_load", "reset"])
def test_after_a_swap_that_failed_nobody_is_answered_by_a_model_in_between(fails: str) -> None:
    """Refused before a weight was touched, the one before is still there; with an old cache, none is."""

    async def scenario(front: Front, workers: Workers) -> None:
        await front.post()
        workers.fails[fails] = ValueError("it does not fit")
        status, said = await front.load("two")
        assert status == 409 and "it does not fit" in said["error"]
        there = "one" if fails == "lance_load" else ""
        assert await front.ask("GET", MODEL) == (200, {"model": there, "dtype": "bfloat16"})
        assert [(await front.post(model))[0] for model in ("one", "two")] == [200 if there else 409, 409]
        workers.fails.clear()
        assert (await front.load("two"))[0] == 200

    run(scenario)


def test_at_rest_it_answers_nobody_and_wakes_with_the_next_model() -> None:
    async def scenario(front: Front, workers: Workers) -> None:
        assert (await front.ask("POST", REST))[0] == 200
        assert (await front.post("one"))[0] == (await front.post())[0] == 409
        assert (await front.load("one"))[0] == 200
        steps = [step for step in workers.log if step != "lance_loaded"]
        assert steps == ["lance_forget", "sleep 2", "wake ['weights']", "lance_load", "wake ['kv_cache']"]
        assert (await front.post("one"))[0] == 200

    run(scenario)
