"""In which tables of an evolution a row stands, and which rows were made from it: ids alone are read, and no texts.

Nothing else is kept of a row that nobody asks for.
"""

import os
from collections.abc import Iterable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.evolution.ledger import Ledger
from tasks.store.artifacts import Ref, Store


@dataclass(frozen=True)
class Place:
    """Where a row is: one table of one artifact, and the number of the row in it."""

    iteration: int
    label: str
    table: str
    ref: Ref
    row: int

    @property
    def name(self) -> str:
        return self.label + (f" / {self.table}" if self.table != "rows" else "")


@dataclass
class Known:
    """A row as far as the index goes: its own fields are read when they are asked for."""

    id: str
    parents: tuple[str, ...]
    places: list[Place] = field(default_factory=list)

    @property
    def stands_in(self) -> dict[str, list[str]]:
        """Tables by iteration."""
        found: dict[str, list[str]] = {}
        for place in self.places:
            found.setdefault(f"iteration {place.iteration}" if place.iteration else "M_0", []).append(place.name)
        return found


@dataclass(frozen=True)
class Table:
    """The ids of one table, and those of each row's parents."""

    iteration: int
    label: str
    ref: Ref
    file: Path

    @cached_property
    def _meta(self) -> pq.FileMetaData:
        return pq.read_metadata(self.file)

    @property
    def has_rows(self) -> bool:
        return {"id", "parents"} <= set(self._meta.schema.to_arrow_schema().names)

    def __len__(self) -> int:
        return int(self._meta.num_rows)

    @cached_property
    def _ids(self) -> pa.ChunkedArray:
        return pq.read_table(self.file, columns=["id"])["id"]

    @cached_property
    def _parents(self) -> pa.ListArray:
        found = pq.read_table(self.file, columns=["parents"])["parents"]
        return found.cast(pa.list_(pa.string())).combine_chunks()  # without any, older tables have them of no type

    @cached_property
    def _kind(self) -> str:
        """A table's rows are of one kind, which their ids begin with: the first one tells."""
        with pq.ParquetFile(self.file, metadata=self._meta) as file:
            first = next(file.iter_batches(1, columns=["id"]), None)
        return str(first["id"][0]).partition("-")[0] if first is not None and len(first) else ""

    def rows_of(self, ids: Set[str]) -> Iterator[tuple[str, tuple[str, ...], Place]]:
        """Each of these that stands here, with its parents."""
        if self._kind not in {one.partition("-")[0] for one in ids}:
            return
        for number in np.flatnonzero(pc.is_in(self._ids, pa.array(sorted(ids))).to_numpy()).tolist():
            parents = tuple(self._parents[number].as_py() or ())
            yield str(self._ids[number]), parents, Place(self.iteration, self.label, self.file.stem, self.ref, number)

    def children_of(self, ids: Set[str]) -> list[str]:
        """The rows that were made from one of these."""
        starts = self._parents.offsets.to_numpy()
        flat = self._parents.values.slice(starts[0], starts[-1] - starts[0])
        hits = np.flatnonzero(pc.is_in(flat, pa.array(sorted(ids))).to_numpy(zero_copy_only=False)) + starts[0]
        if not len(hits):  # then ids need not be read
            return []
        rows = np.unique(np.searchsorted(starts, hits, side="right") - 1)
        found: list[str] = self._ids.take(pa.array(rows)).to_pylist()
        return found

    def content(self, row: int) -> dict[str, Any]:
        """A row's fields: the part of the file that it is in is read, and no more."""
        with pq.ParquetFile(self.file, metadata=self._meta) as file:
            for group in range(file.metadata.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if row < count:
                    return dict(file.read_row_group(group).slice(row, 1).to_pylist()[0])
                row -= count
        raise IndexError(row)


class RowIndex:
    """The tables of M_0 and of all iterations; rows by id as they are asked for."""

    def __init__(self, store: Store, ledger: Ledger):
        made = [(0, label, ref) for label, ref in ledger.teaching.items()]
        for one in ledger.iterations:
            made += [(one.number, label, ref) for label, ref in {"seeds": one.seeds, **one.stages}.items()]
        files = (Table(number, label, ref, file) for number, label, ref in made for file in store.table_files(ref))
        self.tables = [table for table in files if table.has_rows]
        self._known: dict[str, Known | None] = {}

    def __len__(self) -> int:
        return sum(map(len, self.tables))

    def find(self, ids: Iterable[str]) -> dict[str, Known]:
        """Those that stand in a table, in the order of `ids`."""
        wanted = list(dict.fromkeys(ids))
        if new := {one for one in wanted if one not in self._known}:
            self._known |= dict.fromkeys(new)
            for table in self.tables:
                for row, parents, place in table.rows_of(new):
                    known = self._known[row] or Known(row, parents)
                    known.places.append(place)
                    self._known[row] = known
        return {one: there for one in wanted if (there := self._known[one])}

    def children(self, ids: Set[str]) -> list[str]:
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # Arrow reads beside other threads
            found = threads.map(lambda table: table.children_of(ids), self.tables)
            return list(dict.fromkeys(chain.from_iterable(found)))

    def content(self, place: Place) -> dict[str, Any]:
        where = (place.iteration, place.label, place.ref, place.table)
        (table,) = (one for one in self.tables if (one.iteration, one.label, one.ref, one.file.stem) == where)
        return table.content(place.row)
