"""Lineage: where a row of an evolution comes from, what became of it, and which checkpoints it trained."""

from collections.abc import Callable, Sequence
from typing import Any

from tasks.evolution.ledger import Ledger
from tasks.evolution.row_index import Known, RowIndex
from tasks.store.artifacts import Ref, Store
from tasks.store.rows import Rejected

# Which stage trains on a table.
TRAINED_BY = {("mix", "sft"): "sft", ("mix", "pairs"): "dpo", ("reviews to learn", "sft"): "teach"}


class Lineage:
    """Of the rows of an evolution's iterations."""

    def __init__(self, store: Store, ledger: Ledger):
        self.store, self.ledger = store, ledger
        self._index = RowIndex(store, ledger)

    def __contains__(self, row: str) -> bool:
        return bool(self._index.find([row]))

    def standing(self, row: str) -> str:
        """The row, or its rejection, which tells why, where it is in no table any more."""
        if row in self:
            return row
        return next((child for child in self._index.children({row}) if child.startswith("rejected-")), row)

    def find(self, row: str) -> Known:
        """Raises ValueError for an id that no table has."""
        found = self._index.find([row])
        if row not in found:
            raise ValueError(f"no row {row!r} in evolution {self.ledger.name!r} ({len(self._index)} rows)")
        return found[row]

    def find_all(self, rows: Sequence[str]) -> list[Known]:
        """As `find`, each; tables are read once for all of them."""
        self._index.find(rows)
        return [self.find(row) for row in rows]

    def content(self, row: str) -> dict[str, Any]:
        """The row's fields, from the first table that it is in."""
        return self._index.content(self.find(row).places[0])

    def parents(self, row: str) -> list[str]:
        """Those that stand in a table: one of another evolution's time is left out."""
        return list(self._index.find(self.find(row).parents))

    def children(self, row: str) -> list[str]:
        """What was made from it, rejects among them."""
        return self._index.children({row})

    def ancestors(self, row: str) -> list[str]:
        """All rows that it was made from, nearest first; a parent of another evolution's time is left out."""

        def parents(level: list[str]) -> list[str]:
            known = self._index.find(level).values()
            return list(self._index.find(parent for one in known for parent in one.parents))

        return self._walk(row, parents)

    def descendants(self, row: str) -> list[str]:
        """All rows that were made from it, nearest first, rejects among them."""
        found = self._walk(row, lambda level: self._index.children(set(level)))
        self._index.find(found)  # all at once: they are asked for next
        return found

    def trained(self, rows: set[str]) -> dict[str, Ref]:
        """The checkpoints that had one of these rows among their training rows, or grew from one that had.

        By iteration and stage; M_0's own is "M_0, teach".
        """
        given: dict[tuple[int, str], set[str]] = {}
        for row, known in self._index.find(rows).items():
            for place in known.places:
                if stage := TRAINED_BY.get((place.label, place.table)):
                    given.setdefault((place.iteration, stage), set()).add(row)
        trainings = [(0, "M_0", "teach", self.ledger.teaching)]
        trainings += [
            (one.number, f"iteration {one.number}", stage, one.stages)
            for one in self.ledger.iterations
            for stage in ("sft", "dpo")
        ]
        found: dict[str, Ref] = {}
        for number, when, stage, made in trainings:
            if (ref := made.get(stage)) and (
                self._started_from(ref) in {one.digest for one in found.values()}
                or given.get((number, stage), set()) - self._left_out(ref)
            ):
                found[f"{when}, {stage}"] = ref
        return found

    def _started_from(self, training: Ref) -> str | None:
        """The digest of the model that was trained."""
        inputs: dict[str, str] = self._record(training).get("inputs", {})
        return inputs.get("model")

    def _left_out(self, training: Ref) -> set[str]:
        """Rows that were too long to be trained on."""
        if "rejects" not in self._record(training).get("rows", {}):
            return set()
        return set(self.store.rows(training, Rejected, "rejects").column("row"))

    def _record(self, ref: Ref) -> dict[str, Any]:
        """Nothing, of an artifact that is gone."""
        try:
            return self.store.record(ref)
        except FileNotFoundError:
            return {}

    def _walk(self, row: str, following: Callable[[list[str]], list[str]]) -> list[str]:
        self.find(row)
        seen, level = dict.fromkeys([row]), [row]
        while level := [one for one in following(level) if one not in seen]:
            seen |= dict.fromkeys(level)
        return list(seen)[1:]
