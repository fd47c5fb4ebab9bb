"""Lineage: where a row of an evolution comes from, what became of it, and which checkpoints it trained."""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.evolution.ledger import Ledger
from tasks.store.artifacts import Ref, Store

# Which stages train on a table, in their order: DPO starts from what SFT made.
TRAINED_BY = {("mix", "sft"): ("sft", "dpo"), ("mix", "pairs"): ("dpo",), ("reviews to learn", "sft"): ("teach",)}


@dataclass(frozen=True)
class Place:
    """Where a row is: one table of one artifact."""

    iteration: int
    label: str
    table: str
    ref: Ref

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


class Lineage:
    """All rows of an evolution's iterations by id. Reading it takes the ids of all tables, and no texts."""

    def __init__(self, store: Store, ledger: Ledger):
        self.store, self.ledger = store, ledger
        self.rows: dict[str, Known] = {}
        for label, ref in ledger.teaching.items():
            self._take_in(0, label, ref)
        for iteration in ledger.iterations:
            for label, ref in {"seeds": iteration.seeds, **iteration.stages}.items():
                self._take_in(iteration.number, label, ref)

    def _take_in(self, iteration: int, label: str, ref: Ref) -> None:
        for path in sorted(self.store.path(ref).glob("*.parquet")):
            if not {"id", "parents"} <= set(pq.read_schema(path).names):
                continue
            place = Place(iteration, label, path.stem, ref)
            for row in pq.read_table(path, columns=["id", "parents"]).to_pylist():
                known = self.rows.setdefault(row["id"], Known(row["id"], tuple(row["parents"] or ())))
                known.places.append(place)

    def standing(self, row: str) -> str:
        """The row, or its rejection, which tells why, where it is in no table any more."""
        if row in self.rows:
            return row
        return next((child for child in self._children.get(row, []) if child.startswith("rejected-")), row)

    def find(self, row: str) -> Known:
        """Raises ValueError for an id that no table has."""
        if row not in self.rows:
            raise ValueError(f"no row {row!r} in evolution {self.ledger.name!r} ({len(self.rows)} rows)")
        return self.rows[row]

    def content(self, row: str) -> dict[str, Any]:
        """The row's fields, from the first table that it is in."""
        place = self.find(row).places[0]
        path = self.store.path(place.ref) / f"{place.table}.parquet"
        (found,) = pq.read_table(path, filters=pc.field("id") == row).to_pylist()[:1]
        return dict(found)

    def ancestors(self, row: str) -> list[str]:
        """All rows that it was made from, nearest first; a parent of another evolution's time is left out."""
        return self._walk(row, lambda one: [parent for parent in self.rows[one].parents if parent in self.rows])

    def descendants(self, row: str) -> list[str]:
        """All rows that were made from it, nearest first, rejects among them."""
        return self._walk(row, lambda one: self._children[one])

    def trained(self, rows: set[str]) -> dict[str, Ref]:
        """The checkpoints that had one of these rows among their training rows, or grew from one that had.

        By iteration and stage; M_0's own is "M_0, teach".
        """
        places = {(p.iteration, p.label, p.table) for row in rows & self.rows.keys() for p in self.rows[row].places}
        direct = {(number, stage) for number, *table in places for stage in TRAINED_BY.get((table[0], table[1]), ())}
        found = {f"M_0, {stage}": self.ledger.teaching[stage] for number, stage in direct if not number}
        for one in self.ledger.iterations:
            grown = one.champion_before in found.values()
            for stage in ("sft", "dpo"):
                if stage in one.stages and (grown or (one.number, stage) in direct):
                    found[f"iteration {one.number}, {stage}"] = one.stages[stage]
        return found

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = defaultdict(list)
        for known in self.rows.values():
            for parent in known.parents:
                children[parent].append(known.id)
        return children

    def _walk(self, row: str, following: Any) -> list[str]:
        self.find(row)
        seen, todo = dict.fromkeys([row]), [row]
        while todo:
            found = [one for one in following(todo.pop(0)) if one not in seen]
            seen |= dict.fromkeys(found)
            todo += found
        return list(seen)[1:]
