"""What a stage asks an engine, and what comes back. Stages make calls and read answers; the client sends them."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from tasks.store.rows import SYSTEM, History, Row, digest

Messages = tuple[dict[str, str], ...]

LABELS = tuple("0123456789")  # one token each in every tokenizer that splits digits; the client checks it


def chat(instruction: str, response: str | None = None, system: str = SYSTEM, history: History = ()) -> Messages:
    """The one chat format of prompts, training rows and evaluation."""
    said = [*history, instruction, *([] if response is None else [response])]
    turns = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(said)]
    return ({"role": "system", "content": system}, *turns)


class Call(BaseModel):
    """One request. `row` names what it is about and is unique within a stage."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["write", "score", "likelihood"]
    row: str
    messages: Messages
    prefix: str = ""  # how the assistant's answer begins: score, right before the label; write, before what is written
    response: str = ""  # likelihood: the text that is measured
    max_new_tokens: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    min_p: float = Field(default=0.0, exclude_if=lambda share: not share)
    seed: int = 0
    # score: what may follow
    labels: tuple[str, ...] = Field(default=LABELS, exclude_if=lambda labels: labels == LABELS)

    @cached_property
    def key(self) -> str:
        """Content digest: what an answer on disk is found by."""
        return digest(self.model_dump(mode="json"))[:24]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        copied = super().model_copy(update=update, deep=deep)
        vars(copied).pop("key", None)  # pydantic copies what was computed, too
        return copied


class Answer(Row):
    """write: `text`, `finish`. score: `log_probs` of its labels. likelihood: `log_probs` of the response's tokens.

    A request that is longer than the engine's context has nothing of it, and `finish` says so (OVER_CONTEXT).
    """

    kind = "answer"

    call: str  # key of the call
    text: str = ""
    finish: str = ""
    log_probs: tuple[float, ...] = ()
    prompt_tokens: int
    new_tokens: int
