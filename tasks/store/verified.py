"""Rows about what a rule can check: a question with its checks, and what each check found in an answer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from tasks.store.rows import History, Row, Written


class Asked(BaseModel):
    """A check that an answer has to pass, by its name, with its arguments as JSON."""

    model_config = ConfigDict(frozen=True)
    check: str
    arguments: str = "{}"

    @classmethod
    def of(cls, check: str, arguments: Mapping[str, Any]) -> Self:
        return cls(check=check, arguments=json.dumps(arguments, sort_keys=True, ensure_ascii=False))

    @property
    def given(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.arguments)
        return found


class Question(Row):
    """An instruction whose answers rules can check; its parent is the row that it was made from."""

    kind = "question"

    way: Literal["given", "constraints", "computed", "hindsight", "panel"]
    seed: str  # "" of a question that was made from nothing
    history: History = ()
    instruction: str
    checks: tuple[Asked, ...]
    iteration: int
    draw: int  # which of the questions that were made from the same row
    about: str  # what questions are counted by, and taken in turn by: the first check of constraints, or a family
    level: int = Field(default=0, exclude_if=lambda level: not level)  # how hard a computed one is, from 1


class Edited(Row):
    """A seed's response, edited so that it meets a request; its parents are the question and the seed."""

    kind = "edited"
    flaw: ClassVar[None] = None

    seed: str
    history: History = ()
    instruction: str
    response: str
    edit: str  # the check whose request it was edited for
    iteration: int


Answering = Written | Edited


class Checked(Row):
    """One check's verdict on one answer: no score, and part of none. Its parents are the answer and the question."""

    kind = "checked"

    item: str
    check: str
    arguments: str
    version: int  # of the check: another version may judge the same text otherwise
    outcome: Literal["pass", "fail", "cannot tell"]
    reason: str


class Difficulty(TypedDict):
    """Of a family of computed questions in one iteration: its level, and how many answers there were and passed."""

    level: int
    answers: int
    passed: int


class Verdicts:
    """What all checks of a question found in each of its answers. An answer passes where every one of them passes."""

    def __init__(self, questions: Sequence[Question], checked: Sequence[Checked]):
        self._questions = {row.id: row for row in questions}
        self._of: dict[str, dict[Asked, Checked]] = {}
        for row in checked:
            self._of.setdefault(row.item, {})[Asked(check=row.check, arguments=row.arguments)] = row

    def question(self, answer: Answering) -> Question:
        """Raises ValueError for a text that answers none of the questions."""
        found = [self._questions[parent] for parent in answer.parents if parent in self._questions]
        if len(found) != 1 or found[0].instruction != answer.instruction:
            raise ValueError(f"{answer.id} answers none of these questions, so no check was asked of it")
        return found[0]

    def of(self, answer: Answering) -> tuple[Checked, ...]:
        """One for each check of the answer's question, in its order; those that were not asked are missing."""
        there = self._of.get(answer.id, {})
        return tuple(there[one] for one in self.question(answer).checks if one in there)

    def passed(self, answer: Answering) -> bool:
        found = self.of(answer)
        return len(found) == len(self.question(answer).checks) and all(one.outcome == "pass" for one in found)

    def failed(self, answer: Answering) -> bool:
        """Known to be wrong: what a check cannot tell is neither."""
        return any(one.outcome == "fail" for one in self.of(answer))

    def reason(self, answer: Answering) -> str:
        """Of the first check that the answer did not pass."""
        found = next((one for one in self.of(answer) if one.outcome != "pass"), None)
        return f"{found.check}: {found.reason}" if found else ""
