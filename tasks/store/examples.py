"""Rows to train on. A flawed text can be made into none of them, except as the rejected side of a preference.

Nobody can make one of a bare text: a constructor that is called from anywhere but the row's own `of` raises TypeError.
"""

from typing import Any, Literal, Self

from pydantic import ValidationInfo, model_validator

from tasks.store.reviews import Review
from tasks.store.rows import SYSTEM, History, Row, Seed, Written
from tasks.store.verified import Answering, Question, Verdicts


class Example(Row):
    """What has no id yet is made by `_made` alone; what the store holds was made so once."""

    @model_validator(mode="before")
    @classmethod
    def _not_of_bare_text(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if not values.get("id") and info.context is not Example:
            raise TypeError(f"{cls.__name__} of bare text: {cls.__name__}.of makes one, from rows that say what it is")
        return values

    @classmethod
    def _made(cls, **values: Any) -> Self:
        return cls.model_validate(values, context=Example)


def _answers_a_question(row: Seed | Written) -> bool:
    return any(parent.startswith(f"{Question.kind}-") for parent in row.parents)


class SftRow(Example):
    """One supervised example. `of` refuses a flawed text and one that rules can check, `of_verified` one that failed.

    `score` is a reviewer's; None for what a rule let pass: a verdict is no score.
    """

    kind = "sft"

    history: History = ()
    instruction: str
    response: str
    score: float | None
    seed: str
    iteration: int

    @classmethod
    def of(cls, written: Written, review: Review) -> Self:
        if written.flaw is not None:
            raise ValueError(f"{written.id} was written with the flaw {written.flaw!r} and can never be an SFT row")
        if _answers_a_question(written):
            raise ValueError(f"{written.id} answers a question that rules can check: no score lets it pass")
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

    @classmethod
    def of_verified(cls, written: Answering, verdicts: Verdicts) -> Self:
        """Raises ValueError unless every check of the question that the text answers was asked and passed."""
        if written.flaw is not None or not verdicts.passed(written):
            raise ValueError(f"{written.id} did not pass ({verdicts.reason(written)}) and can never be an SFT row")
        return cls._made(
            history=written.history,
            instruction=written.instruction,
            response=written.response,
            score=None,
            seed=written.seed,
            iteration=written.iteration,
            parents=(written.id, *(one.id for one in verdicts.of(written))),
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
    """One preference: `chosen` is better than `rejected` for the same instruction. A flawed text is never chosen.

    The scores are a reviewer's; None where rules say which is better.
    """

    kind = "pair"

    history: History = ()
    instruction: str
    chosen: str
    rejected: str
    chosen_score: float | None
    rejected_score: float | None
    seed: str

    @property
    def margin(self) -> float:
        """By how much the chosen one scored higher; 0 where rules say which is better."""
        return (self.chosen_score or 0) - (self.rejected_score or 0)

    @property
    def by_rules(self) -> bool:
        return self.chosen_score is None

    @model_validator(mode="after")
    def _differs(self) -> Self:
        if self.chosen.strip() == self.rejected.strip():
            raise ValueError("a preference pair needs two different texts")
        return self

    @classmethod
    def of(cls, chosen: Seed | Written, chosen_review: Review, rejected: Written, rejected_review: Review) -> Self:
        if isinstance(chosen, Written) and chosen.flaw is not None:
            raise ValueError(f"{chosen.id} was written with the flaw {chosen.flaw!r} and can never be chosen")
        if _answers_a_question(chosen):
            raise ValueError(f"{chosen.id} answers a question that rules can check: no score makes it chosen")
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

    @classmethod
    def of_verified(cls, chosen: Answering, rejected: Answering, verdicts: Verdicts) -> Self:
        """Raises ValueError unless both answer one question, the chosen one passed and the rejected one failed."""
        if verdicts.question(chosen) != verdicts.question(rejected):
            raise ValueError(f"{chosen.id} and {rejected.id} answer two questions")
        if chosen.flaw is not None or not verdicts.passed(chosen):
            raise ValueError(f"{chosen.id} did not pass ({verdicts.reason(chosen)}) and can never be chosen")
        if not verdicts.failed(rejected):
            raise ValueError(f"{rejected.id} is not known to be wrong and can not be rejected for it")
        found = [*verdicts.of(chosen), *verdicts.of(rejected)]
        return cls._made(
            history=chosen.history,
            instruction=chosen.instruction,
            chosen=chosen.response,
            rejected=rejected.response,
            chosen_score=None,
            rejected_score=None,
            seed=rejected.seed,
            parents=(chosen.id, rejected.id, *(one.id for one in found)),
        )
