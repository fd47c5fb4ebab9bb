"""A call as requests of the OpenAI-compatible API, and an answer of what comes back."""

from collections.abc import Awaitable, Callable
from typing import Any

import jinja2

from tasks.engines.calls import LABELS, Answer, Call, Messages, chat
from tasks.engines.tokenizing.template import NO_THOUGHT
from tasks.engines.tokenizing.tokens import Tokens

Post = Callable[[str, dict[str, Any]], Awaitable[Any]]  # path and body to the reply's JSON
CHAT, COMPLETIONS, TOKENIZE = "/v1/chat/completions", "/v1/completions", "/tokenize"
SAID: Messages = (*chat("Say: 12 naïve  words,\n“日本”, don't."), {"role": "assistant", "content": " 3 + 4 =\n\t7."})


class Completions:
    """`post` raises what the engine refuses; `tokens` are read here where they are those that the engine reads."""

    def __init__(self, post: Post, name: str, tokens: Tokens):
        self._post, self._name, self._tokens = post, name, tokens
        self._labels: dict[tuple[str, tuple[str, ...]], list[int] | None] = {}

    async def answer(self, call: Call) -> Answer:
        """Raises ValueError where this model's template or tokenizer cannot say what is asked."""
        plain, messages = self._tokens.plain, self._tokens.fitted(call.messages)
        ask = {"write": self._write, "score": self._score, "likelihood": self._likelihood}[call.kind]
        texts: dict[str, Any] = {"messages": messages}
        if plain.holds([*(message["content"] for message in messages), call.prefix, call.response]):
            # An engine that is given a chat takes control tokens for what they are: it is given token ids.
            by_ids = await self._reads_alike()
            read = plain.text if by_ids else plain.broken_up
            if by_ids:
                ask = {"write": self._write_by_ids, "score": self._likelihood_of_each_label}.get(call.kind, ask)
            texts = {"messages": tuple({**one, "content": read(one["content"])} for one in messages)}
            texts |= {"response": read(call.response), "prefix": read(call.prefix)}
        return Answer(call=call.key, **await ask(call.model_copy(update=texts)))

    async def _write(self, call: Call) -> dict[str, Any]:
        messages = list(call.messages)
        more: dict[str, Any] = {}
        if call.prefix:
            messages.append({"role": "assistant", "content": call.prefix})
            more = {"continue_final_message": True, "add_generation_prompt": False}
        reply = await self._chat({"messages": messages, **self._sampling(call), **more})
        return _written(reply, reply["choices"][0]["message"]["content"] or "")

    async def _write_by_ids(self, call: Call) -> dict[str, Any]:
        prefix = ({"role": "assistant", "content": call.prefix},) if call.prefix else ()
        reply = await self._ask(
            COMPLETIONS, {"prompt": await self._ids((*call.messages, *prefix)), **self._sampling(call)}
        )
        return _written(reply, reply["choices"][0]["text"])

    def _sampling(self, call: Call) -> dict[str, Any]:
        more: dict[str, Any] = {"min_p": call.min_p} if call.min_p else {}
        more |= {"stop_token_ids": self._tokens.stop_ids} if self._tokens.stop_ids else {}
        sampled = {"temperature": call.temperature, "top_p": call.top_p, "seed": call.seed}
        return {"max_tokens": call.max_new_tokens, **sampled, **more}

    async def _score(self, call: Call) -> dict[str, Any]:
        ids = await self._label_ids(call)
        if ids is None:
            return await self._likelihood_of_each_label(call)
        body: dict[str, Any] = {"messages": [*call.messages, {"role": "assistant", "content": call.prefix}]}
        body |= {"max_tokens": 1, "temperature": 0, "logprobs": True, "logprob_token_ids": ids}
        body |= {"return_tokens_as_token_ids": True}  # as text, a token may lose the blank that it begins with
        reply = await self._chat(body | {"continue_final_message": True, "add_generation_prompt": False})
        (place,) = reply["choices"][0]["logprobs"]["content"]
        found = {entry["token"]: entry["logprob"] for entry in place["top_logprobs"]}
        # The sampled token comes too, and is one of the labels or another one.
        log_probs = tuple(found[f"token_id:{one}"] for one in ids)
        return {"log_probs": log_probs, "prompt_tokens": reply["usage"]["prompt_tokens"], "new_tokens": 1}

    async def _likelihood_of_each_label(self, call: Call) -> dict[str, Any]:
        read = [
            await self._likelihood(call.model_copy(update={"response": call.prefix + label})) for label in call.labels
        ]
        log_probs = tuple(sum(one["log_probs"][:-1]) for one in read)
        return {"log_probs": log_probs, "prompt_tokens": sum(one["prompt_tokens"] for one in read), "new_tokens": 1}

    async def _likelihood(self, call: Call) -> dict[str, Any]:
        prompt = await self._ids(call.messages)
        # Closed: whether a text ends where it may is part of how likely it is.
        answered = (*call.messages, {"role": "assistant", "content": call.response})
        whole = await self._ids(answered, closed=True)
        if whole[: len(prompt)] != prompt and await self._reads_alike():
            whole = prompt + (self._tokens.behind(call.messages, answered) or [])
        if whole[: len(prompt)] != prompt or len(whole) == len(prompt):
            raise ValueError(
                "the chat template writes another prompt once there is a response: likelihood is undefined"
            )
        reply = await self._ask(COMPLETIONS, {"prompt": whole, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0})
        of_response = zip(whole[len(prompt) :], reply["choices"][0]["prompt_logprobs"][len(prompt) :], strict=True)
        read = [float(entry[str(token)]["logprob"]) for token, entry in of_response]
        log_probs = tuple(read[: len(read) - await self._behind_the_end()])
        return {"log_probs": log_probs, "prompt_tokens": len(whole), "new_tokens": 1}

    async def _behind_the_end(self) -> int:
        """How many tokens the template writes behind the one that ends a turn: ChatML's line break, which says nothing.

        Taken for the end, it hid where texts break off: by it, truncated ones were seen at an AUC of 0.35, now 0.98.
        """
        if not hasattr(self, "_trailing"):
            said = self._tokens.fitted(SAID)
            open_, closed = await self._ids(said), await self._ids(said, closed=True)
            if len(closed) <= len(open_):
                raise ValueError("the chat template does not say where an answer ends: likelihood is undefined")
            self._trailing = len(closed) - len(open_) - 1
        return self._trailing

    async def _label_ids(self, call: Call) -> list[int] | None:
        """The labels' token ids where each is one token right behind the prefix.

        None where it is not, for labels that can be read as texts; raises ValueError for digits.
        """
        if (call.prefix, call.labels) not in self._labels:
            before = await self._ids((*call.messages, {"role": "assistant", "content": call.prefix}))
            ids: list[int] | None = []
            for label in call.labels:
                behind = await self._ids((*call.messages, {"role": "assistant", "content": call.prefix + label}))
                if behind[:-1] == before and ids is not None:
                    ids.append(behind[-1])
                elif call.labels == LABELS:
                    raise ValueError(
                        f"label {label!r} is not one token behind {call.prefix!r} in this model's tokenizer "
                        f"({len(behind) - len(before)} tokens more): its scores cannot be read"
                    )
                else:
                    ids = None
            self._labels[call.prefix, call.labels] = ids
        return self._labels[call.prefix, call.labels]

    async def _ids(self, messages: Messages, closed: bool = False) -> list[int]:
        """Token ids of a chat: with the generation prompt, or with its last answer, closed or not."""
        if await self._reads_alike():
            return self._tokens.ids(messages, closed)
        return await self._ids_by_the_engine(messages, closed)

    async def _reads_alike(self) -> bool:
        """Whether the engine reads a chat as is read here; else it is asked for each text, which is slower."""
        if not hasattr(self, "_alike"):
            self._alike = await self._compared()
        return self._alike

    async def _compared(self) -> bool:
        said = self._tokens.fitted(SAID)
        for messages, closed in ((said, False), (said, True), (said[:-1], False)):
            by_the_engine = await self._ids_by_the_engine(messages, closed)
            try:
                if self._tokens.ids(messages, closed) != by_the_engine:
                    return False
            except (jinja2.TemplateError, LookupError):
                return False
        return True

    async def _ids_by_the_engine(self, messages: Messages, closed: bool) -> list[int]:
        answered = messages[-1]["role"] == "assistant"
        unclosed = {"continue_final_message": not closed} if answered else {}
        chat = {"messages": messages, "add_generation_prompt": not answered, **unclosed}
        reply = await self._ask(TOKENIZE, chat | {"chat_template_kwargs": NO_THOUGHT})
        ids: list[int] = reply["tokens"]
        return ids

    async def _chat(self, body: dict[str, Any]) -> Any:
        return await self._ask(CHAT, body | {"chat_template_kwargs": NO_THOUGHT})

    async def _ask(self, path: str, body: dict[str, Any]) -> Any:
        return await self._post(path, {"model": self._name, **body})


def _written(reply: dict[str, Any], text: str) -> dict[str, Any]:
    (choice,), usage = reply["choices"], reply["usage"]
    return {
        "text": text,
        "finish": choice["finish_reason"],
        "prompt_tokens": usage["prompt_tokens"],
        "new_tokens": usage["completion_tokens"],
    }
