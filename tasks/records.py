"""The rows on disk: frozen, validated when made, each with an id made from its content and its parents' ids.

A parent is the row that this one was made from, so that any row leads back to its seed. `tasks.artifacts` stores tables
of these rows; field names are the Parquet columns.
"""

import hashlib
import json
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator


def digest(value: Any) -> str:
    """SHA-256 (hex) of `value` in canonical JSON; raises TypeError for what JSON does not know."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Row(BaseModel):
    """A row with an identity. Reading one whose id does not fit its content raises ValueError."""

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

    instruction: str
    response: str
    origin: Literal["given", "written"] = "given"
    iteration: int = 0
    source: str = ""  # FILE:ROW of a given seed, the row's id of a written one

    @classmethod
    def of(cls, row: "SftRow") -> Self:
        """A kept example as a seed of the next iteration. There is no other way from written text to a seed."""
        return cls(
            instruction=row.instruction,
            response=row.response,
            origin="written",
            iteration=row.iteration,
            source=row.id,
            parents=(row.id,),
        )


class Review(Row):
    """What a model thinks of one pair. `score` (0-10) is None where the model's answer was no score."""

    kind = "review"

    item: str
    outcome: Literal["scored", "unparsed"]
    score: float | None
    label_mass: float  # probability that the next token is a label at all, 0-1
    probabilities: tuple[float, ...]  # of the labels 0-9, summing to label_mass
    reviewer: str  # digest of the reviewing model

    @model_validator(mode="after")
    def _scored_has_score(self) -> Self:
        if (self.outcome == "scored") != (self.score is not None):
            raise ValueError(f"review of {self.item}: outcome {self.outcome!r} with score {self.score}")
        return self


class Written(Row):
    """A text that a model wrote for a seed; its parents are the rows that its prompt was made from."""

    kind = "written"

    branch: Literal["low", "high"]
    seed: str
    instruction: str
    response: str = ""  # empty while only the instruction is written
    flaw: str | None = None  # the flaw that was asked for; once flawed, flawed for life
    iteration: int
    draw: int  # which of the samples for the same prompt
    author: str  # digest of the writing model
    prompt: str  # digest of the messages that the model was given
    finish: str  # "stop", or "length" for a text that the token limit cut off
    new_tokens: int


class Rejected(Row):
    """A row that a rule took out, with its text, so that nothing is lost silently."""

    kind = "rejected"

    row: str
    rule: str
    detail: str
    text: str


class SftRow(Row):
    """One supervised example. Only `of` makes one from written text, and it refuses a flawed text."""

    kind = "sft"

    instruction: str
    response: str
    score: float
    seed: str
    iteration: int

    @classmethod
    def of(cls, written: Written, review: Review) -> Self:
        if written.flaw is not None:
            raise ValueError(f"{written.id} was written with the flaw {written.flaw!r} and can never be an SFT row")
        assert review.item == written.id and review.score is not None
        return cls(
            instruction=written.instruction,
            response=written.response,
            score=review.score,
            seed=written.seed,
            iteration=written.iteration,
            parents=(written.id, review.id),
        )


class PreferencePair(Row):
    """One preference: `chosen` is better than `rejected` for the same instruction. A flawed text is never chosen."""

    kind = "pair"

    instruction: str
    chosen: str
    rejected: str
    chosen_score: float
    rejected_score: float
    seed: str

    @model_validator(mode="after")
    def _differs(self) -> Self:
        if self.chosen.strip() == self.rejected.strip():
            raise ValueError("a preference pair needs two different texts")
        return self

    @classmethod
    def of(cls, chosen: Seed | Written, chosen_review: Review, rejected: Written, rejected_review: Review) -> Self:
        if isinstance(chosen, Written) and chosen.flaw is not None:
            raise ValueError(f"{chosen.id} was written with the flaw {chosen.flaw!r} and can never be chosen")
        assert chosen_review.item == chosen.id and chosen_review.score is not None
        assert rejected_review.item == rejected.id and rejected_review.score is not None
        return cls(
            instruction=chosen.instruction,
            chosen=chosen.response,
            rejected=rejected.response,
            chosen_score=chosen_review.score,
            rejected_score=rejected_review.score,
            seed=rejected.seed,
            parents=(chosen.id, chosen_review.id, rejected.id, rejected_review.id),
        )


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
