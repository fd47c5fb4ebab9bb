"""What `lance show` prints: the funnel of an iteration, its times and verdict, where things are, and rows to read."""

from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks import ledger as ledgers
from tasks.artifacts import Store
from tasks.funnel import funnel
from tasks.gate import SEES_FROM, SHOWN
from tasks.home import Home
from tasks.ledger import Iteration, Ledger
from tasks.watch import figures


@dataclass(frozen=True)
class Shown:
    """One iteration of an evolution, with the ledger it stands in."""

    home: Home
    ledger: Ledger
    iteration: Iteration

    @property
    def store(self) -> Store:
        return Store(self.home.store)

    def summary(self) -> dict[str, Any]:
        one, champion = self.iteration, self.ledger.champion
        return {
            "evolution": self.ledger.name,
            "iteration": one.number,
            "iterations": len(self.ledger.iterations),
            "verdict": one.verdict.model_dump(mode="json"),
            "seconds": one.seconds,
            "funnel": [row.model_dump(mode="json") for row in funnel(self.store, self._stages())],
            "candidate": str(self.store.path(one.candidate)) if one.candidate else None,
            "champion": str(self.store.path(champion)) if champion else None,
            "reviewer": self._reviewer(),
            "data": {label: str(self.store.path(ref)) for label, ref in one.stages.items()},
            "ledger": str(self.home.ledger(self.ledger.name)),
        }

    def print_summary(self, console: Console) -> None:
        one, found = self.iteration, self.summary()
        title = f"{self.ledger.name}, iteration {one.number} of {len(self.ledger.iterations)}"
        table = Table(title=title, title_justify="left", box=None)
        table.add_column("stage", no_wrap=True)
        for column in ("in", "out", "rejected", "seconds", ""):
            table.add_column(column, justify="left" if column in ("rejected", "") else "right")
        for row in funnel(self.store, self._stages()):
            rejected = ", ".join(f"{rule} {n}" for rule, n in row.rejected.items())
            counts = ["" if n is None else str(n) for n in (row.rows_in, row.rows_out)]
            table.add_row(escape(row.label), *counts, escape(rejected), f"{row.seconds:.1f}", escape(row.note))
        console.print(table)
        _print_verdict(one, console)
        console.print(f"\nthe run that finished it took {one.seconds:.0f} s for it")
        for what in ("candidate", "champion"):
            console.print(f"{what:<10} {found[what] or 'none'}", soft_wrap=True)
        if rows := found["data"].get("annotate"):
            console.print(f"{'data':<10} {rows}", soft_wrap=True)
        console.print(f"{'ledger':<10} {found['ledger']}", soft_wrap=True)
        console.print(escape(f"rows       lance show {self.ledger.name} --rows STAGE"))

    def print_reviewer(self, console: Console) -> None:
        """How it does, an iteration a column."""
        found = self._reviewer()
        names = list(dict.fromkeys(name for one in found.values() for name in one))
        table = Table("", *found, title="reviewer", title_justify="left", box=None)
        for name in names:
            values = [one.get(name) for one in found.values()]
            table.add_row(name, *("" if value is None else f"{value:.2f}" for value in values))
        console.print(table)

    def _reviewer(self) -> dict[str, dict[str, float | None]]:
        iterations = self.ledger.iterations[: self.iteration.number]
        before = [None, *(one.stages for one in iterations)]
        found = {
            f"iteration {one.number}": figures(self.store, one.stages, earlier)
            for one, earlier in zip(iterations, before, strict=False)
        }
        return {name: values for name, values in found.items() if values}

    def rows(self, stage: str, limit: int) -> dict[str, list[dict[str, Any]]]:
        """At most `limit` rows of each of the stage's tables; raises ValueError for a stage that it does not have."""
        stages = self._stages()
        if stage not in stages:
            raise ValueError(f"{self.ledger.name}: no stage {stage!r}; it has: {', '.join(stages)}")
        tables = sorted(self.store.path(stages[stage]).glob("*.parquet"))
        if not tables:
            raise ValueError(f"{stage} has no rows: it is at {self.store.path(stages[stage])}")
        return {path.stem: pq.read_table(path).slice(0, limit).to_pylist() for path in tables}

    def print_rows(self, stage: str, limit: int, console: Console) -> None:
        for name, rows in self.rows(stage, limit).items():
            for i, row in enumerate(rows, 1):
                console.rule(escape(f"{stage} / {name} {i}"), align="left")
                for key, value in row.items():
                    if value not in (None, "", []):
                        console.print(f"[bold]{key}[/bold]  {escape(_readable(value))}", soft_wrap=True)

    def _stages(self) -> dict[str, Any]:
        return {"seeds": self.iteration.seeds, **self.iteration.stages}


def _readable(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_readable(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_verdict(one: Iteration, console: Console) -> None:
    colour = "green" if one.verdict.decision == "promote" else "yellow"
    console.print(f"\n[bold {colour}]{one.verdict.decision}[/bold {colour}]")
    for reason in one.verdict.reasons:
        console.print(f"  {escape(reason)}", soft_wrap=True)
    if one.verdict.axes:
        table = Table("axis", *SHOWN, box=None)
        for axis in one.verdict.axes:
            table.add_row(axis.name, *axis.shown)
        console.print(table)
        console.print(SEES_FROM)


def find(home: Home, run: str) -> Shown:
    """`run` is NAME (its last iteration) or NAME/ITERATION; raises ValueError with what there is."""
    name, _, number = run.partition("/")
    ledger = ledgers.read(home.ledger(name))
    if ledger is None or not ledger.iterations:
        there_is = ", ".join(home.evolutions) or "none"
        raise ValueError(f"no evolution {name!r} with a finished iteration in {home.root}; there is: {there_is}")
    numbers = [str(one.number) for one in ledger.iterations]
    if number and number not in numbers:
        raise ValueError(f"{name} has no iteration {number!r}; it has: {', '.join(numbers)}")
    return Shown(home, ledger, ledger.iterations[int(number or len(numbers)) - 1])
