"""Forms: the shapes in which files hold an instruction with its response, and a row's turns in any of them.

    form = form_of(row)              # of the file's first row: here the one with the column `messages`
    turns = list(form.turns(row))    # [Turn("user", "messages[0]", "Why?"), Turn("assistant", "messages[1]", "So.")]

A content is not checked before it is asked for with `text_of`: a dropped conversation may hold what is no text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tasks.seeds.files import RawRow, refusal, shown

PAIR = ("user", "assistant")
ROLES = {"human": "user", "gpt": "assistant"}  # ShareGPT's names


class Turn(NamedTuple):
    role: str
    place: str  # the column, or for a message "column[index]"
    content: object


@dataclass(frozen=True)
class Form:
    """Columns that hold the instruction and the response: a text each, or lists of messages."""

    columns: tuple[str, ...]
    messages: bool = False

    @property
    def used(self) -> set[str]:
        return {*self.columns, "input"} if self.columns[0] == "instruction" else {*self.columns}

    def __str__(self) -> str:
        return "/".join(self.columns) + (" (messages)" if self.messages else "")

    def turns(self, row: RawRow) -> Iterator[Turn]:
        for column, role in zip(self.columns, PAIR, strict=False):
            if column not in row.values:
                expected = f"the column {column!r} as in the first row of the file"
                raise refusal(row.where, expected, _columns(row), "give all rows of a file the same columns")
            if self.messages:
                yield from _messages(row, column)
            else:
                yield Turn(role, column, row.values[column])


FORMS = (
    Form(("prompt", "response")),
    Form(("instruction", "response")),
    Form(("instruction", "output")),  # Alpaca: a non-empty `input` belongs to the instruction
    Form(("question", "answer")),
    Form(("prompt", "completion")),
    Form(("prompt", "answer")),  # the right answer is the response, where there is no longer one
    Form(("instruction", "answer")),
    Form(("messages",), messages=True),
    Form(("conversations",), messages=True),
    Form(("prompt", "completion"), messages=True),
)


def form_of(first: RawRow) -> Form:
    """The form of a file, from its first row; where only the columns fit, reading them says what is wrong."""
    by_columns = [form for form in FORMS if set(form.columns) <= first.values.keys()]
    if not by_columns:
        known = ", ".join(str(form) for form in FORMS)
        advice = "rename the columns (CSV is separated by commas)"
        raise refusal(first.where, f"the columns of one of {known}", _columns(first), advice)
    by_type = (form for form in by_columns if isinstance(first.values[form.columns[0]], list) == form.messages)
    return next(by_type, by_columns[0])


def _messages(row: RawRow, column: str) -> Iterator[Turn]:
    """The turns of one column, in {"role", "content"} or ShareGPT's {"from", "value"}; contents are not checked."""
    messages = row.values[column]
    if not isinstance(messages, list):
        raise refusal(row.where, f"a list of messages in {column!r}", shown(messages), "make it a list")
    for index, message in enumerate(messages):
        place = f"{column}[{index}]"
        fields = message if isinstance(message, dict) else {}
        role, content = ("from", "value") if "from" in fields else ("role", "content")
        said_by = fields.get(role)
        if not isinstance(said_by, str) or content not in fields:
            expected = f'{{"role": "...", "content": "..."}} or {{"from": "...", "value": "..."}} in {place!r}'
            raise refusal(row.where, expected, shown(message), "give each message who says it and what")
        yield Turn(ROLES.get(said_by, said_by), place, fields[content])


def text_of(row: RawRow, turn: Turn) -> str:
    if not isinstance(turn.content, str):
        raise refusal(row.where, f"text in {turn.place!r}", shown(turn.content), "put text there or remove the row")
    return turn.content


def _columns(row: RawRow) -> str:
    return f"the columns {', '.join(map(repr, row.values)) or 'of an empty row'}"
