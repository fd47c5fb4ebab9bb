"""Tables of rows: Parquet on disk, Arrow columns in memory, a row object only where one is looked at.

    rows = read([path], Written)      # nothing is read yet
    rows.column("id")                 # one column
    for row in rows: ...              # a part of the file at a time
    write(path, rows.where([...]))    # without objects

A million rows of 400 characters are 0.6 GB as columns and 2.2 GB as objects.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, overload

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.store.columns import maker, plain, schema
from tasks.store.rows import Row, digest

R = TypeVar("R", bound=Row)
Places = NDArray[np.int64]
RECENT = 3  # groups of each file that single rows are taken from
AT_ONCE = 20_000  # rows that are objects or Python values at the same time, and of a file's row group


class Rows(Sequence[R], Generic[R]):
    """The rows of one table, or of several behind each other; made anew each time they are gone through.

    `places` are those that are left, in order; None for all.
    """

    def __init__(self, kind: type[R], parts: "Sequence[_Part]", places: Places | None = None):
        self.kind, self.parts, self.places = kind, parts, places
        self._recent: dict[int, pa.Table] = {}  # groups that rows were last taken from

    @classmethod
    def of(cls, kind: type[R], rows: Iterable[R]) -> "Rows[R]":
        """As columns in memory."""
        return cls(kind, [_Part(pa.Table.from_batches(_batches(kind, rows), schema(kind)))])

    def __len__(self) -> int:
        return int(self._starts[-1]) if self.places is None else len(self.places)

    def __iter__(self) -> Iterator[R]:
        for table in self.tables():
            yield from map(maker(self.kind), table.to_pylist())

    @overload
    def __getitem__(self, which: int) -> R: ...
    @overload
    def __getitem__(self, which: slice) -> "Rows[R]": ...
    def __getitem__(self, which: int | slice) -> "R | Rows[R]":
        chosen = range(len(self))[which]
        if isinstance(chosen, range):
            if chosen.step < 0:
                return Rows.of(self.kind, (self[i] for i in chosen))
            here = np.arange(chosen.start, chosen.stop, chosen.step)
            return Rows(self.kind, self.parts, here if self.places is None else self.places[here])
        place = chosen if self.places is None else int(self.places[chosen])
        number = int(np.searchsorted(self._starts, place, side="right")) - 1
        group = self._recent[number] = self._recent.pop(number, None) or self._group(number)
        if len(self._recent) > RECENT * len(self.parts):
            del self._recent[next(iter(self._recent))]
        (row,) = group.slice(place - int(self._starts[number]), 1).to_pylist()
        return cast("R", maker(self.kind)(row))

    def __add__(self, other: Iterable[R]) -> list[R]:
        return [*self, *other]

    def __eq__(self, other: object) -> bool:
        """Equal to any sequence of equal rows."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(Row.__eq__, self, other))

    def __hash__(self) -> int:
        raise TypeError("rows are compared by their content")

    def where(self, keep: Sequence[bool]) -> "Rows[R]":
        """Those for which it is true."""
        kept = np.flatnonzero(np.array(keep, bool))
        assert len(keep) == len(self), f"{len(keep)} words on {len(self)} rows"
        return Rows(self.kind, self.parts, kept if self.places is None else self.places[kept])

    def column(self, name: str) -> list[Any]:
        """One field of all rows, without making them."""
        return [value for table in self.tables([name]) for value in table[name].to_pylist()]

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows as Arrow tables, a part of the file each; pandas and datasets take them without a copy."""
        for number, (start, stop) in enumerate(itertools.pairwise(self._starts)):
            if self.places is None:
                yield self._group(number, columns)
            else:
                first, last = np.searchsorted(self.places, [start, stop])
                if last > first:
                    yield self._group(number, columns).take(pa.array(self.places[first:last] - start))

    @cached_property
    def _groups(self) -> list[tuple["_Part", int]]:
        return [(part, number) for part in self.parts for number in range(len(part.lengths))]

    @cached_property
    def _starts(self) -> Places:
        """Of the groups, and the end."""
        return np.cumsum([0, *(part.lengths[number] for part, number in self._groups)])

    def _group(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        part, within = self._groups[number]
        return _fitting(part.group(within, columns), self.kind, part.name, columns)


class _Part:
    """A file, read a row group at a time and open no longer than that takes, or a table in memory."""

    def __init__(self, source: Path | pa.Table):
        self.source, self.name = source, source if isinstance(source, Path) else "memory"
        if isinstance(source, Path):
            self._meta = pq.read_metadata(source)
            self.lengths = [self._meta.row_group(i).num_rows for i in range(self._meta.num_row_groups)]
        else:
            self.lengths = [len(batch) for batch in source.to_batches()]

    def group(self, number: int, columns: Sequence[str] | None) -> pa.Table:
        if not isinstance(self.source, Path):
            found = pa.Table.from_batches([self.source.to_batches()[number]])
            return found.select(columns) if columns else found
        with pq.ParquetFile(self.source, metadata=self._meta) as file:
            there = set(file.schema_arrow.names)
            return file.read_row_group(number, [name for name in columns if name in there] if columns else None)


class Gathering(Generic[R]):
    """Rows that come one by one, as columns."""

    def __init__(self, kind: type[R]):
        self.kind = kind
        self._waiting: list[R] = []
        self._batches: list[pa.RecordBatch] = []

    def add(self, row: R) -> None:
        self._waiting.append(row)
        if len(self._waiting) == AT_ONCE:
            self._batches += _batches(self.kind, self._waiting)
            self._waiting = []

    def rows(self) -> Rows[R]:
        batches = [*self._batches, *_batches(self.kind, self._waiting)]
        return Rows(self.kind, [_Part(pa.Table.from_batches(batches, schema(self.kind)))])


def read(paths: Sequence[Path], kind: type[R]) -> Rows[R]:
    """Raises FileNotFoundError for a table that is not there, ValueError for one of another version."""
    for path in paths:
        there = set(pq.read_schema(path).names)
        missing = [name for name, field in kind.model_fields.items() if name not in there and field.is_required()]
        what = [f"{name} is missing" for name in missing]
        what += [f"{name} is unknown" for name in sorted(there - set(kind.model_fields))]
        if what and there:  # a table without rows has no columns
            raise ValueError(f"{path}: not rows of the kind {kind.kind} as this version writes them: {', '.join(what)}")
    return Rows(kind, [_Part(path) for path in paths])


def _fitting(table: pa.Table, kind: type[Row], name: object, columns: Sequence[str] | None) -> pa.Table:
    """With the columns that this version has: what later versions added has its default."""
    wanted = schema(kind)
    wanted = pa.schema([wanted.field(one) for one in columns]) if columns else wanted
    if table.schema == wanted:
        return table
    for field in wanted:
        if field.name not in table.column_names:
            default = kind.model_fields[field.name].get_default(call_default_factory=True)
            table = table.append_column(field, pa.array([default] * table.num_rows, field.type))
    try:
        return table.select(wanted.names).cast(wanted)
    except pa.ArrowException as error:
        raise ValueError(f"{name}: not rows of the kind {kind.kind} as this version writes them: {error}") from error


def write(path: Path, rows: Iterable[Row]) -> int:
    """How many there were. A table without rows has no columns."""
    if isinstance(rows, Rows):
        columns: pa.Schema = schema(cast("type[Row]", rows.kind))
        batches: Iterator[pa.RecordBatch] = (batch for table in rows.tables() for batch in table.to_batches())
        return _write(path, columns, batches)
    left = iter(rows)
    first = next(left, None)
    if first is None:
        return _write(path, pa.schema([]), iter(()))
    kind: type[Row] = type(first)
    return _write(path, schema(kind), _batches(kind, itertools.chain([first], left)))


def _write(path: Path, columns: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    """In row groups of AT_ONCE, however small the batches are."""
    count, waiting = 0, list[pa.RecordBatch]()
    first = next(batches, None)
    with pq.ParquetWriter(path, columns if first is not None else pa.schema([])) as file:
        for batch in itertools.chain([] if first is None else [first], batches):
            waiting.append(batch)
            count += len(batch)
            if sum(map(len, waiting)) >= AT_ONCE:
                file.write_table(pa.Table.from_batches(waiting), row_group_size=AT_ONCE)
                waiting = []
        if waiting:
            file.write_table(pa.Table.from_batches(waiting), row_group_size=AT_ONCE)
    return count


def _batches(kind: type[Row], rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    left = iter(rows)
    while part := list(itertools.islice(left, AT_ONCE)):
        yield pa.RecordBatch.from_pylist([plain(row) for row in part], schema=schema(kind))


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
