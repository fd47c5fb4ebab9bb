"""Ask a served model: everything a stage wants at once, up to a limit, through the OpenAI-compatible interface.

Answers go into a journal as they come.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import openai

from tasks.engines.calls import LABELS, Answer, Call, Messages, chat
from tasks.engines.control_tokens import PlainText
from tasks.engines.journal import Journal

TIMEOUT_S = 1800.0  # of one request, waiting in the engine's queue included
LOOK_EVERY_S = 10.0  # whether the engine is there while it is asked


class EngineClient:
    """Thread-safe: one event loop, one connection pool and one limit for all threads that ask the same engine."""

    def __init__(self, url: str, key: str, model: str, in_flight: int, plain: PlainText):
        self.model = model
        self._plain = plain
        self._headers = {"Authorization": f"Bearer {key}"}
        self._url = url
        self._key = key
        self._in_flight = in_flight
        self._closing = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine-client", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    async def _open(self) -> None:
        self._http = httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=TIMEOUT_S)
        # No retries here: a stage's task retries, after the engine was checked and started again if it is dead.
        self._openai = openai.AsyncOpenAI(
            base_url=f"{self._url}/v1", api_key=self._key, max_retries=0, timeout=TIMEOUT_S
        )
        self._gate = asyncio.Semaphore(self._in_flight)

    def close(self) -> None:
        """Whoever waits for an answer gets a ConnectionError. Any thread may call it, and more than once."""

        async def close() -> None:
            asking = asyncio.all_tasks() - {asyncio.current_task()}
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            await self._http.aclose()
            await self._openai.close()

        with self._closing:
            if self._thread.is_alive():
                asyncio.run_coroutine_threadsafe(close(), self._loop).result()
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()

    def ask(self, calls: Sequence[Call], journal: Journal, on_answer: Callable[[Answer], None]) -> list[Answer]:
        """The answers in the order of `calls`; raises ConnectionError, openai.APIError, or ValueError for a bad one."""
        with self._closing:
            if not self._thread.is_alive():
                raise ConnectionError("the engine was ended")
            future = asyncio.run_coroutine_threadsafe(self._ask(calls, journal, on_answer), self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise ConnectionError("the engine was ended while it was asked") from None

    async def _ask(self, calls: Sequence[Call], journal: Journal, on_answer: Callable[[Answer], None]) -> list[Answer]:
        async def one(call: Call) -> None:
            if call.key not in journal.answers:
                async with self._gate:
                    journal.add(await self._answer(call))
            on_answer(journal.answers[call.key])

        async def all_of_them() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    for call in calls:
                        group.create_task(one(call))
            except* Exception as failures:
                raise failures.exceptions[0] from None  # one dead engine fails all of them alike

        asking, watching = asyncio.create_task(all_of_them()), asyncio.create_task(self._until_it_is_gone())
        try:
            await asyncio.wait((asking, watching), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise ConnectionError("the engine takes no more requests and does not answer those it has")
            asking.result()
        finally:
            asking.cancel()
            watching.cancel()
        return [journal.answers[call.key] for call in calls]

    async def _until_it_is_gone(self) -> None:
        """Returns once the server takes no connection, or its engine core is dead.

        After a SIGTERM vLLM ends its core and then waits for open requests, which nobody answers any more.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:  # by a connection of its own: one that is open says nothing about a new one
                async with httpx.AsyncClient(headers=self._headers, timeout=TIMEOUT_S) as http:
                    if (await http.get(f"{self._url}/health")).status_code != httpx.codes.OK:
                        return
            except httpx.TransportError:
                return

    async def _answer(self, call: Call) -> Answer:
        ask = {"write": self._write, "score": self._score, "likelihood": self._likelihood}[call.kind]
        texts = {"messages": self._plain.messages(call.messages), "response": self._plain.text(call.response)}
        try:
            return Answer(call=call.key, **await ask(call.model_copy(update=texts)))
        except openai.BadRequestError as error:
            text = " ".join((call.response or call.messages[-1]["content"]).split())[:80]
            raise ValueError(
                f"{call.row} (“{text}”): the engine refused the request: {error.message} If it is too long, raise "
                "engine.context_tokens, lower reading.max_words, or take the row with this text out"
            ) from error

    async def _write(self, call: Call) -> dict[str, Any]:
        messages: list[Any] = list(call.messages)
        more: dict[str, Any] = {"min_p": call.min_p} if call.min_p else {}
        if call.prefix:
            messages.append({"role": "assistant", "content": call.prefix})
            more |= {"continue_final_message": True, "add_generation_prompt": False}
        reply = await self._openai.chat.completions.create(
            model=self.model,
            messages=messages,
            max_tokens=call.max_new_tokens,
            temperature=call.temperature,
            top_p=call.top_p,
            seed=call.seed,
            extra_body=more,
        )
        choice, usage = reply.choices[0], reply.usage
        assert usage
        return {
            "text": choice.message.content or "",
            "finish": choice.finish_reason,
            "prompt_tokens": usage.prompt_tokens,
            "new_tokens": usage.completion_tokens,
        }

    async def _score(self, call: Call) -> dict[str, Any]:
        ids = await self._label_ids(call)
        reply = await self._openai.chat.completions.create(
            model=self.model,
            messages=[*call.messages, {"role": "assistant", "content": call.prefix}],  # type: ignore[list-item]
            max_tokens=1,
            temperature=0,
            logprobs=True,
            extra_body={"logprob_token_ids": ids, "continue_final_message": True, "add_generation_prompt": False},
        )
        content, usage = reply.choices[0].logprobs, reply.usage
        assert content and content.content and usage
        found = {entry.token: entry.logprob for entry in content.content[0].top_logprobs}
        # The sampled token comes too, and is one of the labels or an eleventh.
        log_probs = tuple(found[label] for label in LABELS)
        return {"log_probs": log_probs, "prompt_tokens": usage.prompt_tokens, "new_tokens": 1}

    async def _likelihood(self, call: Call) -> dict[str, Any]:
        prompt = await self._tokens(call.messages)
        # Closed: whether a text ends where it may is part of how likely it is.
        whole = await self._tokens((*call.messages, {"role": "assistant", "content": call.response}), closed=True)
        if whole[: len(prompt)] != prompt:
            raise ValueError(
                "the chat template writes another prompt once there is a response: likelihood is undefined"
            )
        reply = await self._openai.completions.create(
            model=self.model, prompt=whole, max_tokens=1, temperature=0, extra_body={"prompt_logprobs": 0}
        )
        table: list[Any] = reply.choices[0].prompt_logprobs  # type: ignore[attr-defined]
        of_response = zip(whole[len(prompt) :], table[len(prompt) :], strict=True)
        read = [float(entry[str(token)]["logprob"]) for token, entry in of_response]
        log_probs = tuple(read[: len(read) - await self._behind_the_end()])
        return {"log_probs": log_probs, "prompt_tokens": len(whole), "new_tokens": 1}

    async def _behind_the_end(self) -> int:
        """How many tokens the template writes behind the one that ends a turn: ChatML's line break, which says nothing.

        Taken for the end, it hid where texts break off: by it, truncated ones were seen at an AUC of 0.35, now 0.98.
        """
        if not hasattr(self, "_trailing"):
            said: Messages = (*chat("Say hello."), {"role": "assistant", "content": "Hello."})
            open_, closed = await self._tokens(said), await self._tokens(said, closed=True)
            if len(closed) <= len(open_):
                raise ValueError("the chat template does not say where an answer ends: likelihood is undefined")
            self._trailing = len(closed) - len(open_) - 1
        return self._trailing

    async def _tokens(self, messages: Messages, closed: bool = False) -> list[int]:
        """Token ids of a chat: with the generation prompt, or with its last answer, closed or not."""
        answered = messages[-1]["role"] == "assistant"
        unclosed = {"continue_final_message": not closed} if answered else {}
        body = {"messages": messages, "add_generation_prompt": not answered, **unclosed}
        reply = await self._http.post("/tokenize", json={"model": self.model, **body})
        if reply.status_code >= 500:
            raise ConnectionError(f"the engine failed to tokenize: {reply.status_code} {reply.text[:200]}")
        if reply.status_code >= 400:
            raise ValueError(f"the engine refused a chat of roles {[m['role'] for m in messages]}: {reply.text[:500]}")
        tokens: list[int] = reply.json()["tokens"]
        return tokens

    async def _label_ids(self, call: Call) -> list[int]:
        """The labels' token ids, checked once per engine: each must be one token right behind the prefix."""
        if not hasattr(self, "_labels"):
            before = await self._tokens((*call.messages, {"role": "assistant", "content": call.prefix}))
            ids = []
            for label in LABELS:
                behind = await self._tokens((*call.messages, {"role": "assistant", "content": call.prefix + label}))
                if behind[:-1] != before:
                    raise ValueError(
                        f"label {label!r} is not one token behind {call.prefix!r} in this model's tokenizer "
                        f"({len(behind) - len(before)} tokens more): its scores cannot be read"
                    )
                ids.append(behind[-1])
            self._labels = ids
        return self._labels
