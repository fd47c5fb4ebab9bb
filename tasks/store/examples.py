"""Rows to train on. A flawed text can be made into none of them, except as the rejected side of a preference.

Nobody can make one of a bare text: a constructor that is called from anywhere but the row's own `of` raises TypeError.
"""

from typing import Any, Literal, Self

from pydantic import ValidationInfo, model_validator

from tasks.store.reviews import Review
from tasks.store.rows import SYSTEM, History, Row, Seed, Written


class Example(Row):
    """What is read from disk has an id that fits its content; what has none yet is made by `_made` alone."""

    @model_validator(mode="before")
    @classmethod
    def _not_of_bare_text(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if not values.get("id") and info.context is not Example:
            raise TypeError(f"{cls.__name__} of bare text: {cls.__name__}.of makes one, from rows that say what it is")
        return values

    @classmethod
    def _made(cls, **values: Any) -> Self:
        return cls.model_validate(values, context=Example)


class SftRow(Example):
    """One supervised example. `of` refuses a flawed text."""

    kind = "sft"

    history: History = ()
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
        return cls._made(
            history=written.history,
            instruction=written.instruction,
            response=written.response,
            score=review.score,
            seed=written.seed,
            iteration=written.iteration,
            parents=(written.id, review.id),
        )

    def as_seed(self) -> Seed:
        """This example as a seed of the next iteration. There is no other way from written text to a seed."""
        return Seed(
            history=self.history,
            instruction=self.instruction,
            response=self.response,
            origin="written",
            iteration=self.iteration,
            source=self.id,
            parents=(self.id,),
        )


class TrainRow(Example):
    """What SFT is given: a kept example, a human seed, or a graded review. A flawed text fits through none of them."""

    kind = "train"

    system: str = SYSTEM
    history: History = ()
    instruction: str
    response: str
    origin: Literal["written", "given", "skill"]

    @classmethod
    def of(cls, row: SftRow | Seed) -> Self:
        origin = "written" if isinstance(row, SftRow) else row.origin
        return cls._made(
            history=row.history,
            instruction=row.instruction,
            response=row.response,
            origin=origin,
            parents=(row.id,),
        )

    @classmethod
    def of_review(cls, system: str, instruction: str, response: str, parents: tuple[str, ...]) -> Self:
        """A graded review: whatever the reviewed pair is worth, what is said of it is right."""
        return cls._made(system=system, instruction=instruction, response=response, origin="skill", parents=parents)


class PreferencePair(Example):
    """One preference: `chosen` is better than `rejected` for the same instruction. A flawed text is never chosen."""

    kind = "pair"

    history: History = ()
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
        return cls._made(
            history=chosen.history,
            instruction=chosen.instruction,
            chosen=chosen.response,
            rejected=rejected.response,
            chosen_score=chosen_review.score,
            rejected_score=rejected_review.score,
            seed=rejected.seed,
            parents=(chosen.id, chosen_review.id, rejected.id, rejected_review.id),
        )
