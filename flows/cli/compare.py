"""What `lance compare` prints: several candidates side by side, each against the champion it was measured beside."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.report import charts, pages
from tasks.evolution.lookup import Found

UNITS = "abilities together, in tolerances"


@dataclass(frozen=True)
class Candidate:
    """One candidate: its figures as they are shown, by column, and the abilities' mean with its interval."""

    name: str
    ability: tuple[float, float, float] | None
    cells: dict[str, str]

    @classmethod
    def of(cls, found: Found) -> "Candidate":
        one, store = found.iteration, found.store
        verdict = one.verdict
        cells = {"verdict": verdict.decision, "champion was": _champion(found)}
        if verdict.ability:
            mean, low, high = verdict.ability
            cells[UNITS] = f"{mean:+.2f} [{low:.2f}, {high:.2f}]"
        for axis in verdict.axes:
            _, after, change, *_ = axis.shown
            cells[axis.title] = f"{after} ({change})"
        cells |= {name.replace("_", " "): f"{value:.3g}" for name, value in verdict.figures.items()}
        for method in ("sft", "dpo"):
            if method in one.stages and (tokens := store.record(one.stages[method]).get("trained_tokens")):
                cells[f"{method} tokens"] = f"{tokens:,}"
        written = [store.record(ref).get("tokens", {}).get("new", 0) for ref in one.stages.values()]
        cells |= {"tokens written": f"{sum(written):,}", "seconds": f"{one.seconds:.0f}"}
        return cls(f"{found.ledger.name}/{one.number}", verdict.ability, cells)

    def summary(self) -> dict[str, object]:
        return {"name": self.name, "ability": self.ability, **self.cells}


def _champion(found: Found) -> str:
    before = found.iteration.champion_before
    numbers = {one.candidate.digest: str(one.number) for one in found.ledger.iterations if one.candidate}
    return numbers.get(before.digest, "M_0")


def columns(rows: Sequence[Candidate]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row.cells))


def print_compared(rows: Sequence[Candidate], console: Console) -> None:
    """A candidate a column: there are more figures than candidates."""
    table = Table("", *(escape(row.name) for row in rows), box=None)
    for column in columns(rows):
        table.add_row(column, *(row.cells.get(column, "") for row in rows))
    console.print(table)


def write_html(rows: Sequence[Candidate], file: Path) -> None:
    known = [charts.Interval(row.name, *row.ability) for row in rows if row.ability]
    chart = Markup(charts.intervals(known, UNITS)) if known else "None of them was measured."
    pages.write("compare.html.j2", file, rows=rows, columns=columns(rows), chart=chart)
