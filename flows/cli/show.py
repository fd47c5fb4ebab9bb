"""What `lance show` prints: the funnel of an iteration, its times and verdict, where things are, and rows to read."""

from typing import Any

import pyarrow.parquet as pq
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.evaluate.gate import MDE_NOTE, SHOWN
from tasks.evolution.funnel import funnel
from tasks.evolution.ledger import Iteration
from tasks.evolution.lookup import Found
from tasks.review import drift


def summary(found: Found) -> dict[str, Any]:
    """What `--json` prints."""
    one, champion, store = found.iteration, found.ledger.champion, found.store
    return {
        "evolution": found.ledger.name,
        "iteration": one.number,
        "iterations": len(found.ledger.iterations),
        "verdict": one.verdict.model_dump(mode="json"),
        "seconds": one.seconds,
        "funnel": [row.model_dump(mode="json") for row in funnel(store, found.stages)],
        "candidate": str(store.path(one.candidate)) if one.candidate else None,
        "champion": str(store.path(champion)) if champion else None,
        "reviewer": _reviewer(found),
        "data": {label: str(store.path(ref)) for label, ref in one.stages.items()},
        "ledger": str(found.home.ledger(found.ledger.name)),
    }


def print_summary(found: Found, console: Console) -> None:
    one, known = found.iteration, summary(found)
    title = f"{found.ledger.name}, iteration {one.number} of {len(found.ledger.iterations)}"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("stage", no_wrap=True)
    for column in ("in", "out", "rejected", "seconds", ""):
        table.add_column(column, justify="left" if column in ("rejected", "") else "right")
    for row in funnel(found.store, found.stages):
        rejected = ", ".join(f"{rule} {n}" for rule, n in row.rejected.items())
        counts = ["" if n is None else str(n) for n in (row.rows_in, row.rows_out)]
        table.add_row(escape(row.label), *counts, escape(rejected), f"{row.seconds:.1f}", escape(row.note))
    console.print(table)
    _print_verdict(one, console)
    console.print(f"\nduration   {one.seconds:.0f} s, of the run that finished it")
    for what in ("candidate", "champion"):
        console.print(f"{what:<10} {known[what] or 'none'}", soft_wrap=True)
    if rows := known["data"].get("annotate"):
        console.print(f"{'data':<10} {rows}", soft_wrap=True)
    console.print(f"{'ledger':<10} {known['ledger']}", soft_wrap=True)
    console.print(escape(f"rows       lance show {found.ledger.name} --rows STAGE"))


def print_reviewer(found: Found, console: Console) -> None:
    """How it does, an iteration a column."""
    by_iteration = _reviewer(found)
    names = list(dict.fromkeys(name for one in by_iteration.values() for name in one))
    table = Table("", *by_iteration, title="reviewer", title_justify="left", box=None)
    for name in names:
        values = [one.get(name) for one in by_iteration.values()]
        table.add_row(name, *("" if value is None else f"{value:.2f}" for value in values))
    console.print(table)


def _reviewer(found: Found) -> dict[str, dict[str, float | None]]:
    return drift.by_iteration(found.store, {f"iteration {one.number}": one.stages for one in found.so_far})


def rows(found: Found, stage: str, limit: int) -> dict[str, list[dict[str, Any]]]:
    """At most `limit` rows of each of the stage's tables; raises ValueError for a stage that it does not have."""
    if stage not in found.stages:
        raise ValueError(f"{found.ledger.name}: no stage {stage!r}; it has: {', '.join(found.stages)}")
    tables = found.store.table_files(found.stages[stage])
    if not tables:
        raise ValueError(f"{stage} has no rows: it is at {found.store.path(found.stages[stage])}")
    return {path.stem: pq.read_table(path).slice(0, limit).to_pylist() for path in tables}


def print_rows(found: Found, stage: str, limit: int, console: Console) -> None:
    for name, shown in rows(found, stage, limit).items():
        for i, row in enumerate(shown, 1):
            console.rule(escape(f"{stage} / {name} {i}"), align="left")
            for key, value in row.items():
                if value not in (None, "", []):
                    console.print(f"[bold]{key}[/bold]  {escape(_readable(value))}", soft_wrap=True)


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
        console.print(MDE_NOTE)
