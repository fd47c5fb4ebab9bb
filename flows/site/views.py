"""What each page shows, from the ledger and the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flows.report import charts
from flows.report.pages import TEMPLATES
from flows.site import differences, picture
from flows.site.tables import Query, page_of
from tasks.evaluate.gate import SHOWN
from tasks.evolution import champion as champions
from tasks.evolution import ledger as ledgers
from tasks.evolution import lookup
from tasks.evolution.funnel import funnel
from tasks.evolution.ledger import Ledger
from tasks.evolution.lineage import Lineage
from tasks.evolution.lookup import Awaited, Found
from tasks.review import drift
from tasks.store import vetoes
from tasks.store.artifacts import Ref, Store
from tasks.store.home import Home

TEXTS = ("instruction", "response", "chosen", "rejected", "text", "detail")
LEFT_OUT = {*TEXTS, "id", "parents", "history"}
OWN = Environment(
    loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent / "templates"), TEMPLATES.loader or ChoiceLoader([])]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)
OWN.globals |= {"shown": SHOWN, "marked": differences.marked}
Way = list[tuple[str, str]]
ALL: Way = [("Evolutions", "/")]


@dataclass(frozen=True)
class Views:
    home: Home

    @property
    def store(self) -> Store:
        return Store.of(self.home)

    def evolutions(self) -> str:
        found = []
        for name in self.home.evolutions:
            if ledger := ledgers.read(self.home.ledger(name)):
                last = ledger.iterations[-1] if ledger.iterations else None
                found.append(
                    {
                        "name": name,
                        "address": address(name),
                        "model": ledger.model,
                        "iterations": len(ledger.iterations),
                        "verdict": last.verdict.decision if last else "",
                        "waits": address(name, number) if (number := self._waits(name)) else "",
                        "champion": _champion(ledger),
                        "at": last.at if last else "",
                    }
                )
        return _page("evolutions", [("Evolutions", "")], found=found, home=str(self.home.root))

    def evolution(self, name: str, said: str = "") -> str:
        ledger, waits = lookup.with_awaited(self.home, name), Awaited.of(self.home, name)
        done = lookup.ledger(self.home, name)
        iterations = [
            {
                "number": one.number,
                "address": address(name, one.number),
                "decision": one.verdict.decision,
                "reasons": one.verdict.reasons,
                "waits": bool(waits and waits.iteration and waits.iteration.number == one.number),
            }
            for one in ledger.iterations
        ]
        return _page(
            "evolution",
            [*ALL, (name, "")],
            said,
            name=name,
            model=ledger.model,
            champion=_champion(done),
            report=f"{address(name)}/report" if done.iterations else "",
            iterations=iterations,
            curves=self._curves(ledger),
        )

    def _curves(self, ledger: Ledger) -> list[tuple[str, str, Markup]]:
        """Over the iterations: abilities and health of each candidate, and the reviewer's quality."""
        found: list[tuple[str, str, Markup]] = []
        for title, ability in (("Abilities", True), ("Health", False)):
            points: dict[str, list[tuple[float, float]]] = {}
            for one in ledger.iterations:
                for axis in one.verdict.axes:
                    if axis.ability == ability:
                        points.setdefault(axis.title, []).append((one.number, axis.candidate))
            if points and len(ledger.iterations) > 1:
                note = "Of each iteration's candidate, in the axis's own unit; intervals are in the verdicts."
                found.append((title, note, Markup(charts.curves(points, "iteration", "value"))))
        of_reviewer = drift.by_iteration(self.store, {str(one.number): one.stages for one in ledger.iterations})
        aucs: dict[str, list[tuple[float, float]]] = {}
        for number, figures in of_reviewer.items():
            for name, value in figures.items():
                if value is not None and "AUC" in name:
                    aucs.setdefault(name, []).append((float(number), value))
        if aucs and len(ledger.iterations) > 1:
            note = "How well it tells good anchors from corrupted ones; 0.5 is chance."
            found.append(("Reviewer", note, Markup(charts.curves(aucs, "iteration", "AUC"))))
        return found

    def iteration(self, name: str, number: int, form: Markup) -> str:
        found, waits = self._found(name, number), Awaited.of(self.home, name)
        one, stages = found.iteration, found.stages
        new = {veto.row for veto in vetoes.read(self.home.vetoes(name))} - {*one.vetoes}
        tables = {
            label: [(table, address(name, number, "rows", label, table)) for table in self._tables(ref)]
            for label, ref in stages.items()
        }
        way = [*ALL, (name, address(name)), (f"iteration {number}", "")]
        return _page(
            "iteration",
            way,
            name=name,
            one=one,
            funnel=funnel(self.store, stages),
            tables=tables,
            mark=waits.mark if waits and waits.iteration and waits.iteration.number == number else "",
            vetoed=len(new),
            approval=f"{address(name)}/approval",
            form=form,
        )

    def _waits(self, name: str) -> int | None:
        """The number of the iteration that a person is asked about."""
        waits = Awaited.of(self.home, name)
        return waits.iteration.number if waits and waits.iteration else None

    def _found(self, name: str, number: int) -> Found:
        return lookup.find(self.home, f"{name}/{number}", lookup.with_awaited(self.home, name))

    def _tables(self, ref: Ref) -> dict[str, Path]:
        return {file.stem: file for file in self.store.table_files(ref)}

    def rows(self, name: str, number: int, stage: str, table: str, query: Query) -> str:
        """Raises ValueError for a table that is not there."""
        stages = self._found(name, number).stages
        files = self._tables(stages[stage]) if stage in stages else {}
        if table not in files:
            raise ValueError(
                f"{name}/{number}: no table {table!r} of {stage!r}; there are: {', '.join(files) or 'none'}"
            )
        page, here = page_of(files[table], query), address(name, number, "rows", stage, table)
        asked = {"text": query.text, **{f"is-{key}": value for key, value in query.values.items()}}
        asked |= {key: str(value) for key, value in (("low", query.low), ("high", query.high)) if value is not None}
        other = {way: f"{here}?{urlencode(asked | {'page': page.number + way})}" for way in (-1, 1)}
        return _page(
            "rows",
            [*ALL, (name, address(name)), (f"iteration {number}", address(name, number)), (f"{stage}: {table}", "")],
            stage=stage,
            table=table,
            query=query,
            page=page,
            texts=TEXTS,
            facts=_facts,
            addresses={row["id"]: address(name, "row", row["id"]) for row in page.rows if "id" in row},
            before=other[-1] if page.number > 1 else "",
            after=other[1] if page.number < page.pages else "",
        )

    def row(self, name: str, row: str, form: Markup, said: str = "") -> str:
        """Raises ValueError for a row that the evolution does not have."""
        texts = (self.home.ledger(name).read(), self.home.waiting(name).read())
        lineage = _lineage(self.home, texts, name)
        row = lineage.standing(row)
        known, content = lineage.find(row), lineage.content(row)
        drawn, whole = picture.boxes(lineage, row)
        both = "chosen" in content and "rejected" in content
        filled = {key: of for key, of in content.items() if of not in (None, "", [], ()) and key != "id"}
        vetoed = next((one.why for one in vetoes.read(self.home.vetoes(name)) if one.row == row), "")
        return _page(
            "row",
            [*ALL, (name, address(name)), (row, "")],
            said,
            row=row,
            sides=differences.marked(content["chosen"], content["rejected"]) if both else None,
            fields={key: _plain(of) for key, of in filled.items() if not (both and key in ("chosen", "rejected"))},
            places=known.stands_in,
            trained=list(lineage.trained({row, *lineage.descendants(row)})),
            picture=picture.drawn(drawn, row, f"{address(name)}/row/{{}}"),
            whole=whole,
            vetoed=vetoed,
            veto=f"{address(name, 'row', row)}/veto",
            form=form,
        )


@lru_cache(maxsize=1)  # whose columns are read once for all rows that are looked at
def _lineage(home: Home, texts: tuple[str | None, ...], name: str) -> Lineage:
    """As of these texts of the ledger and of what waits for approval."""
    return Lineage(Store.of(home), lookup.with_awaited(home, name))


def address(name: str, *below: object) -> str:
    return "/".join(["/evolutions", *(quote(str(part), safe="") for part in (name, *below))])


def _page(template: str, way: Way, said: str = "", **values: Any) -> str:
    return OWN.get_template(f"{template}.html.j2").render(way=way, said=said, **values)


def _champion(ledger: Ledger) -> str:
    number = champions.history(ledger)[-1].iteration
    return f"iteration {number}'s model" if number else "the starting model"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(_plain, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _facts(row: Mapping[str, Any]) -> str:
    """What there is beside the texts, in a line."""
    known = {name: value for name, value in row.items() if name not in LEFT_OUT and value not in (None, "", [], ())}
    short = {name: " ".join(_plain(value).split()) for name, value in known.items()}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in short.items() if len(value) <= 60)
