"""A row as it is in its file, and how it is said what is wrong with one."""

import json
from dataclasses import dataclass
from pathlib import Path

SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class RawRow:
    """`row` counts from 1 within the file, without blank lines and a CSV file's header."""

    file: str  # its name without the folder
    row: int
    values: dict[str, object]
    line: int | None = None  # where the row ends, in a format that has lines
    problem: str = ""  # why nothing of it could be read
    said: tuple[tuple[str, str], ...] = ()  # on a file's first row: what was done to read the file, by rule

    @property
    def source(self) -> str:
        return f"{self.file}:{self.row}"

    @property
    def where(self) -> str:
        """`source` for error messages, with the line that an editor shows."""
        return self.source + (f" (line {self.line})" if self.line else "")


class Unreadable(ValueError):
    """Of one row: what was expected, what was found, and what to do."""

    def __init__(self, expected: str, found: str, advice: str):
        super().__init__(f"expected {expected}, found {found}; {advice}")


def refusal(where: str | Path, expected: str, found: str, advice: str) -> ValueError:
    """Of a whole file."""
    return ValueError(f"{where}: {Unreadable(expected, found, advice)}")


def shown(value: object) -> str:
    """A value as JSON, cut to what a message can hold."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
