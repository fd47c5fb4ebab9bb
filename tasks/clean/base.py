"""What a cleaning rule is: it looks at one text, and some remember those that were kept before it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tasks.store.rows import Written
from tasks.text.words import words

Field = Literal["instruction", "response"]


@dataclass(frozen=True)
class Candidate:
    """The text in question: a new instruction, or a response to the row's instruction."""

    row: Written
    field: Field
    number: int = 0  # among those that are looked at

    @property
    def text(self) -> str:
        return self.row.response if self.is_response else self.row.instruction

    @cached_property
    def tokens(self) -> list[str]:
        return words(self.text)

    @property
    def is_response(self) -> bool:
        return self.field == "response"


class Rule(ABC):
    """`name` is what a reject shows."""

    name: str

    def begin(self, rows: Sequence[Written], field: Field) -> None:  # noqa: B027  # most need no preparation
        """Told of all rows before the first is looked at."""

    @abstractmethod
    def __call__(self, candidate: Candidate) -> str | None:
        """What was found and what was expected; None if there is nothing to say against it."""

    def keep(self, candidate: Candidate) -> None:  # noqa: B027  # most rules remember nothing
        """Told of each text that all rules let pass."""
