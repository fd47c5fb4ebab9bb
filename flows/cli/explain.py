"""What `lance explain` prints: a row's way back to its seed, what became of it, and what it trained; and vetoes."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from tasks.evolution import lookup
from tasks.evolution.lineage import Lineage
from tasks.evolution.vetoes import add_vetoes
from tasks.store.artifacts import Store
from tasks.store.home import Home

TEXTS = ("instruction", "response", "chosen", "rejected", "text")
HIDDEN = {"id", "parents", "item", "names", "values", "principles", "holds", "system", *TEXTS}
MODELS = ("author", "reviewer")  # by the digest of their weights; the first of it is enough to tell them apart


@dataclass(frozen=True)
class Explained:
    """One row with all that it came from, or all that came from it."""

    lineage: Lineage
    row: str
    others: list[str]
    backwards: bool

    def summary(self) -> dict[str, Any]:
        def one(row: str) -> dict[str, Any]:
            known = self.lineage.find(row)
            return {"row": row, "places": known.stands_in, "fields": self.lineage.content(row)}

        return {
            "evolution": self.lineage.ledger.name,
            **one(self.row),
            "ancestors" if self.backwards else "descendants": [one(row) for row in self.others],
            "trained": self._trained(),
        }

    def print(self, console: Console) -> None:
        if self.backwards:
            tree = Tree(self._described(self.row))
            self._grow(tree, self.row, set())
            console.print(tree)
        else:
            console.print(self._described(self.row), soft_wrap=True)
            for row in self.others:
                console.print("  " + self._described(row).replace("\n", "\n  "), soft_wrap=True)
        trained = self._trained()
        for what, path in trained.items():
            console.print(f"trained {what}: {path}", soft_wrap=True)
        if not trained:
            console.print("no checkpoint was trained on it")

    def _trained(self) -> dict[str, str]:
        found = self.lineage.trained({self.row, *self.lineage.descendants(self.row)})
        return {what: str(self.lineage.store.path(ref)) for what, ref in found.items()}

    def _grow(self, tree: Tree, row: str, shown: set[str]) -> None:
        for parent in self.lineage.parents(row):
            if parent not in shown:
                shown.add(parent)
                self._grow(tree.add(self._described(parent)), parent, shown)

    def _described(self, row: str) -> str:
        fields = self.lineage.content(row)
        found = self.lineage.find(row).stands_in
        places = "; ".join(f"{iteration}: {', '.join(tables)}" for iteration, tables in found.items())
        fields |= {name: f"model {fields[name][:12]}" for name in MODELS if name in fields}
        facts = [f"{name} {_short(value)}" for name, value in fields.items() if name not in HIDDEN and _said(value)]
        for names, values in (("names", "values"), ("principles", "holds")):  # of signals, of a review
            facts += [f"{n} {v:.2f}" for n, v in zip(fields.get(names) or [], fields.get(values) or [], strict=True)]
        lines = [f"[bold]{row}[/bold]  {escape(places)}", escape(", ".join(facts))]
        lines += [f"[dim]{name}[/dim] {escape(_short(fields[name], 160))}" for name in TEXTS if fields.get(name)]
        return "\n".join(filter(None, lines))


def explain(home: Home, row: str, evolution: str | None, backwards: bool) -> Explained:
    """Looks through all evolutions where none is named; raises ValueError where none has the row.

    One that has the row goes before one that only knows why it was rejected.
    """
    names, found = [evolution] if evolution else home.evolutions, None
    for name in names:
        lineage = Lineage(Store.of(home), lookup.with_awaited(home, name))
        if row in lineage or evolution:
            found = lineage
            break
        if not found and lineage.standing(row) in lineage:
            found = lineage
    if not found:
        raise ValueError(
            f"no row {row!r} in {home.root} (evolutions: {', '.join(names) or 'none'}); `lance show NAME --rows STAGE` "
            "prints rows with their ids"
        )
    there = found.standing(row)
    others = found.ancestors(there) if backwards else found.descendants(there)
    return Explained(found, there, others, backwards)


def veto(home: Home, evolution: str, rows: list[str], why: str) -> str:
    """Note the rows as vetoed; what to say about it. Raises ValueError for a row that the evolution does not have."""
    done = len(lookup.ledger(home, evolution).iterations)
    new = add_vetoes(home, lookup.with_awaited(home, evolution), rows, why, done + 1)
    before = len(rows) - len(new)
    return f"{len(new)} vetoed{f', {before} were vetoed already' if before else ''}; kept in {home.vetoes(evolution)}"


def _said(value: Any) -> bool:
    return value not in (None, "", [], ())


def _short(value: Any, most: int = 60) -> str:
    text = " ".join((f"{value:.3g}" if isinstance(value, float) else str(value)).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
