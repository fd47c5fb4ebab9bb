"""Tables of rows: Parquet on disk, Arrow columns in memory, a row object only where one is looked at.

A million rows of 400 characters are 0.6 GB as columns and 2.2 GB as objects.
"""

import itertools
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, Union, cast, get_args, get_origin, overload

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from tasks.store.rows import Row

R = TypeVar("R", bound=Row)
AT_ONCE = 20_000  # rows that are objects or Python values at the same time
SIMPLE: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


class Rows(Sequence[R], Generic[R]):
    """The rows of one table, or of several behind each other; made anew each time they are gone through."""

    def __init__(self, kind: type[R], table: pa.Table):
        self.kind, self.table = kind, table

    def __len__(self) -> int:
        return cast("int", self.table.num_rows)

    def __iter__(self) -> Iterator[R]:
        for batch in self.table.to_batches(max_chunksize=AT_ONCE):
            yield from map(_maker(self.kind), batch.to_pylist())

    @overload
    def __getitem__(self, which: int) -> R: ...
    @overload
    def __getitem__(self, which: slice) -> "Rows[R]": ...
    def __getitem__(self, which: int | slice) -> "R | Rows[R]":
        places = range(len(self))[which]
        if isinstance(places, range):
            together = places.step == 1
            found = self.table.slice(places.start, len(places)) if together else self.table.take(pa.array(places))
            return Rows(self.kind, found)
        return cast("R", _maker(self.kind)(self.table.slice(places, 1).to_pylist()[0]))

    def __add__(self, other: Iterable[R]) -> list[R]:
        return [*self, *other]

    def __eq__(self, other: object) -> bool:
        """Equal to any sequence of equal rows."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(Row.__eq__, self, other))

    def __hash__(self) -> int:
        raise TypeError("rows are compared by their content")

    def column(self, name: str) -> list[Any]:
        """One field of all rows, without making them."""
        found: list[Any] = self.table[name].to_pylist()
        return found


def read(paths: Sequence[Path], kind: type[R]) -> Rows[R]:
    """Raises FileNotFoundError for a table that is not there, ValueError for one of another version."""
    tables = [_fitting(pq.read_table(path, memory_map=True), kind, path) for path in paths]
    return Rows(kind, pa.concat_tables(tables) if tables else schema(kind).empty_table())


def _fitting(table: pa.Table, kind: type[Row], path: Path) -> pa.Table:
    """With the columns that this version has: what later versions added has its default."""
    wanted, there = schema(kind), set(table.column_names)
    if not table.num_rows:
        return wanted.empty_table()
    missing = [name for name in wanted.names if name not in there and kind.model_fields[name].is_required()]
    unknown = sorted(there - set(wanted.names))
    if missing or unknown:
        what = [f"{name} is missing" for name in missing] + [f"{name} is unknown" for name in unknown]
        raise ValueError(f"{path}: not rows of the kind {kind.kind} as this version writes them: {', '.join(what)}")
    for field in wanted:
        if field.name not in there:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    try:
        return table.select(wanted.names).cast(wanted)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not rows of the kind {kind.kind} as this version writes them: {error}") from error


def write(path: Path, rows: Iterable[Row]) -> int:
    """How many there were. A table without rows has no columns."""
    left, count = iter(rows), 0
    first = next(left, None)
    if first is None:
        pq.write_table(pa.table({}), path)
        return 0
    columns, left = schema(type(first)), itertools.chain([first], left)
    with pq.ParquetWriter(path, columns) as file:
        while part := list(itertools.islice(left, AT_ONCE)):
            file.write_batch(pa.RecordBatch.from_pylist([_plain(row) for row in part], schema=columns))
            count += len(part)
    return count


@cache
def schema(kind: type[BaseModel]) -> pa.Schema:
    return pa.schema([(name, _type(field.annotation)) for name, field in kind.model_fields.items()])


def _type(annotation: Any) -> pa.DataType:
    """Raises TypeError for what no column is known for."""
    arguments = get_args(annotation)
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    if get_origin(annotation) is Literal:
        return pa.string()
    if get_origin(annotation) in (Union, types.UnionType):
        (one,) = (part for part in arguments if part is not type(None))
        return _type(one)
    if get_origin(annotation) is tuple and arguments[1:] == (...,):
        return pa.list_(_type(arguments[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct(list(schema(annotation)))
    raise TypeError(f"no column is known for {annotation}")


def _plain(row: BaseModel) -> dict[str, Any]:
    return {
        name: [_plain(one) for one in value] if isinstance(value, tuple) and value and _is_model(value[0]) else value
        for name, value in vars(row).items()
    }


def _is_model(value: object) -> bool:
    return isinstance(value, BaseModel)


@cache
def _maker(kind: type[BaseModel]) -> Callable[[dict[str, Any]], Any]:
    """From what a table holds to an object, without a second look: the artifact's files have the digests they had."""
    fields = kind.model_fields
    tuples = {name: get_args(field.annotation)[0] for name, field in fields.items() if _is_tuple(field.annotation)}
    inner = {name: _maker(one) for name, one in tuples.items() if isinstance(one, type) and issubclass(one, BaseModel)}
    defaults = {name: field.default for name, field in fields.items() if not field.is_required()}

    def make(values: dict[str, Any]) -> Any:
        for name in tuples:
            if values[name] is not None:
                values[name] = tuple(map(inner[name], values[name]) if name in inner else values[name])
        for name, default in defaults.items():
            if values[name] is None:
                values[name] = default
        return kind.model_construct(_fields_set=set(fields), **values)

    return make


def _is_tuple(annotation: Any) -> bool:
    return get_origin(annotation) is tuple
