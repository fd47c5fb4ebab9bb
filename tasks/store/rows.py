"""The rows on disk: frozen, validated when made, each with an id made from its content and its parents' ids.

A parent is the row that this one was made from, so that any row leads back to its seed. Field names are the Parquet
columns. Rows about a pair's quality are in reviews.py, rows to train on in examples.py.
"""

import hashlib
import json
from typing import Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, model_validator

# One system message for everything: a chat template that finds none puts in its own (SmolLM2 introduces itself).
SYSTEM = "You are a helpful assistant."
# How what was asked ended where the request was longer than the model's context: it was not answered.
OVER_CONTEXT = "over context"

# Turns before the last question, from the first: user, assistant, user, assistant ...; empty for a single question.
History = tuple[str, ...]


def digest(value: Any) -> str:
    """SHA-256 (hex) of `value` in canonical JSON; raises TypeError for what JSON does not know."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def text_digest(*texts: str) -> bytes:
    """16 bytes that stand for texts where a million of them would not fit."""
    return hashlib.blake2b("\0".join(texts).encode(errors="surrogatepass"), digest_size=16).digest()


class Row(BaseModel):
    """A row with an identity. Making one with an id that does not fit its content raises ValueError."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    not_identity: ClassVar[frozenset[str]] = frozenset({"id"})

    id: str = ""
    parents: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _identify(self) -> Self:
        content = self.model_dump(mode="json", exclude=set(self.not_identity))
        expected = f"{self.kind}-{digest(content)[:16]}"
        if self.id and self.id != expected:
            raise ValueError(
                f"row {self.id}: its content gives the id {expected}, so it was altered after it was written"
            )
        object.__setattr__(self, "id", expected)
        return self


class Seed(Row):
    """An instruction with its response: what a person gave, or what an earlier iteration wrote and kept."""

    kind = "seed"
    not_identity = frozenset({"id", "source"})  # moving a row within its file does not make it another row

    history: History = ()
    instruction: str
    response: str
    origin: Literal["given", "written"] = "given"
    iteration: int = 0
    source: str = ""  # FILE:ROW of a given seed, the row's id of a written one

    @model_validator(mode="after")
    def _given_or_kept(self) -> Self:
        kinds = [parent.partition("-")[0] for parent in self.parents]
        if kinds != {"given": [], "written": ["sft"]}[self.origin]:
            raise TypeError(
                f"a seed is given, without parents, or written and kept as an SFT row; found {self.parents}"
            )
        return self


class Written(Row):
    """A text that a model wrote for a seed; its parents are the rows that its prompt was made from."""

    kind = "written"

    branch: Literal["low", "high"]
    seed: str
    history: History = ()
    instruction: str
    response: str = ""  # empty while only the instruction is written
    flaw: str | None = None  # the flaw that was asked for; once flawed, flawed for life
    iteration: int
    draw: int  # which of the samples for the same prompt
    author: str  # digest of the writing model
    prompt: str  # digest of the messages that the model was given
    finish: str  # "stop"; "length" for a text that the token limit cut off; OVER_CONTEXT
    new_tokens: int


class Text(Protocol):
    """A row with an instruction and a response, or the instruction alone."""

    @property
    def id(self) -> str: ...
    @property
    def instruction(self) -> str: ...
    @property
    def response(self) -> str: ...


class Rejected(Row):
    """A row that a rule took out, with its text, so that nothing is lost silently."""

    kind = "rejected"

    row: str
    rule: str
    detail: str
    text: str

    @classmethod
    def of(cls, row: Text, rule: str, detail: str) -> Self:
        return cls(row=row.id, rule=rule, detail=detail, text=row.response or row.instruction, parents=(row.id,))


class Measured(Row):
    """What one model did on one held-out item; log-likelihoods are means in nats per token of the response."""

    kind = "measured"

    item: str
    model: str
    log_likelihood: float
    corrupted_log_likelihoods: tuple[float, ...]
    corruptions: tuple[str, ...]
    response: str
    finish: str
    off_language: bool = False  # the response is in another language than the item's own response


def sampling_seed(*parts: object) -> int:
    """A 31-bit seed from a hash of `parts`, so that no two items share one and neighbours are far apart."""
    return int(digest([str(part) for part in parts])[:8], 16) & 0x7FFFFFFF
