"""Vetoes: rows that a person took out of an evolution, with the reason. A file beside the ledger, one line each."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from tasks.store.examples import PreferencePair, SftRow
from tasks.store.rows import Rejected, Row, Seed, Written
from tasks.store.shared.document import Document
from tasks.store.tables import where
from tasks.store.verified import Answering, Edited, Question

R = TypeVar("R", Seed, Written, Answering, SftRow, PreferencePair)
HAVE_SEEDS = (Question, Written, Edited, SftRow, PreferencePair)
KINDS = tuple(row.kind for row in (Seed, Written, Edited, SftRow, PreferencePair))


class Veto(BaseModel):
    """From `iteration` on the row is not in the pool; in no iteration does it train, or what was made from it."""

    model_config = ConfigDict(frozen=True)
    row: str
    why: str
    iteration: int  # the first one that was not yet made
    at: str  # ISO 8601, local time


def read(at: Document) -> list[Veto]:
    """None yet: an empty list. Raises ValueError with the line that is no veto."""
    return _read(at, at.read() or "")


def _read(at: Document, text: str) -> list[Veto]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found.append(Veto.model_validate_json(line))
        except ValueError as error:
            raise ValueError(f"{at}, line {number}: not a veto ({str(error).splitlines()[0]}); mend it") from error
    return found


def add(to: Document, rows: Sequence[str], why: str, iteration: int, at: str) -> list[Veto]:
    """Those that are new among `rows`, now in the file; raises ValueError for a row that is nothing to learn from."""
    for row in rows:
        if not row.startswith(tuple(f"{kind}-" for kind in KINDS)):
            raise ValueError(f"{row} cannot be vetoed; veto the {', '.join(KINDS)} row that it is about")
    new: list[Veto] = []

    def with_them(text: str | None) -> str:
        known = _read(to, text or "")
        vetoed = {veto.row for veto in known}
        unknown = [row for row in dict.fromkeys(rows) if row not in vetoed]
        new[:] = [Veto(row=row, why=why, iteration=iteration, at=at) for row in unknown]
        return "".join(veto.model_dump_json() + "\n" for veto in [*known, *new])

    to.change(with_them)
    return new


def without(rows: Sequence[R], vetoed: Mapping[str, str]) -> tuple[Sequence[R], list[Rejected]]:
    """The rows without those that were vetoed, or that were made from one."""
    if not vetoed:
        return rows, []
    kept: list[bool] = []
    rejects: list[Rejected] = []
    for row in rows:
        if reason := next((vetoed[one] for one in _made_from(row) if one in vetoed), None):
            text = row.rejected if isinstance(row, PreferencePair) else row.response or row.instruction
            # What it was made from, too: it may be in no table any more, and is still to be explained.
            parents = tuple(dict.fromkeys(_made_from(row)))
            rejects.append(Rejected(row=row.id, rule="veto", detail=reason, text=text, parents=parents))
        kept.append(not reason)
    return where(rows, kept), rejects


def made_from_vetoed(rows: Sequence[Row], vetoed: Mapping[str, str]) -> dict[str, str]:
    """Rows that were made from one that was vetoed, by id with its reason: what answers them was made from it, too."""
    if not vetoed:
        return {}
    reasons = {row.id: next((vetoed[one] for one in _made_from(row) if one in vetoed), None) for row in rows}
    return {row: reason for row, reason in reasons.items() if reason}


def _made_from(row: Row) -> list[str]:
    return [row.id, *row.parents, *([row.seed] if isinstance(row, HAVE_SEEDS) else [])]
