"""Some of many rows, whether they are a table's or a list's."""

import itertools
from collections.abc import Sequence
from typing import Any, TypeVar

from tasks.store.rows import Row, digest
from tasks.store.tables import Rows

R = TypeVar("R", bound=Row)


def where(rows: Sequence[R], keep: Sequence[bool]) -> Sequence[R]:
    """Those for which it is true."""
    return rows.where(keep) if isinstance(rows, Rows) else list(itertools.compress(rows, keep))


def column(rows: Sequence[R], name: str) -> list[Any]:
    return rows.column(name) if isinstance(rows, Rows) else [getattr(row, name) for row in rows]


def some(rows: Sequence[R], count: int) -> list[R]:
    """`count` rows, the same ones whatever their order."""
    names = column(rows, "id")
    taken = set(sorted(range(len(names)), key=lambda i: digest(names[i]))[:count])
    return sorted(where(rows, [i in taken for i in range(len(names))]), key=lambda row: digest(row.id))
