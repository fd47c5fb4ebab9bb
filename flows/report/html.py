"""What `lance report` writes: one HTML file on an evolution, which needs neither network nor script to be read."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from flows.report import charts, pages
from flows.report.samples import samples
from flows.report.verification import verification
from tasks.evaluate.gate import Axis
from tasks.evolution import champion as champions
from tasks.evolution.funnel import FunnelRow, funnel, rejects_by
from tasks.evolution.ledger import Iteration, Ledger
from tasks.recipe.evaluation import GateConfig
from tasks.review import drift
from tasks.store.artifacts import Ref, Store
from tasks.store.files import write_atomically
from tasks.store.home import Home
from tasks.store.reviews import AnchorScore, Review
from tasks.store.rows import digest


def write(home: Home, ledger: Ledger, last: int, file: Path) -> None:
    """Write the report on the first `last` iterations; raises ValueError for an artifact that is gone."""
    store = Store.of(home)
    iterations = ledger.iterations[:last]
    columns = drift.by_iteration(store, {f"iteration {one.number}": one.stages for one in iterations})
    recipe = iterations[-1].recipe
    pages.write(
        "report.html.j2",
        file,
        name=ledger.name,
        model=ledger.model,
        seeds=recipe["seeds"],
        champion=champions.history(ledger)[-1],
        iterations=[_iteration(home, store, one) for one in iterations],
        reviewer={
            "columns": columns,
            "names": list(dict.fromkeys(name for found in columns.values() for name in found)),
        },
        recipe=yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True),
    )


def _iteration(home: Home, store: Store, one: Iteration) -> dict[str, Any]:
    """Its part of the page, made once: an iteration that is done does not change any more."""
    made_of = [pages.version(), one.model_dump(mode="json")]
    file = home.caches / "report" / f"{digest(made_of)[:24]}.json"
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {
            "chart": _abilities(one) if one.verdict.axes else "",
            "body": pages.render("iteration.html.j2", one=_shown(store, one)),
        }
        with contextlib.suppress(OSError):  # a home that may only be read
            write_atomically(file, json.dumps(known))
    verdict = {name: getattr(one.verdict, name) for name in ("decision", "reasons", "axes", "figures")}
    return {"number": one.number, **verdict, **{name: Markup(text) for name, text in known.items()}}


def _shown(store: Store, one: Iteration) -> dict[str, Any]:
    made, rows = one.stages, funnel(store, one.stages)
    return {
        "number": one.number,
        "funnel": rows,
        "scores": _scores(store, made),
        "anchors": _anchors(store, made),
        "rejects": _rejects(rows),
        "training": _training(store, made),
        "seconds": Markup(charts.bars(_largest({row.label: row.seconds for row in rows}), "seconds", "{:.0f}")),
        "tokens": _tokens(store, made),
        "hits": rejects_by(store, made, "contamination"),
        "verified": verification(store, one),
        **samples(store, made),
    }


def _abilities(one: Iteration) -> str:
    """Abilities and their mean, in tolerances."""
    gate = GateConfig.model_validate(one.recipe["gate"])

    def scaled(axis: Axis) -> charts.Interval:
        unit = gate.tolerance(axis.name)
        return charts.Interval(axis.title, axis.change / unit, axis.low / unit, axis.high / unit)

    found = [scaled(axis) for axis in one.verdict.axes if axis.ability]
    whole = [charts.Interval("all together", *one.verdict.ability)] if one.verdict.ability else []
    return charts.intervals([*whole, *found], "change in tolerances", [*(None for _ in whole), *(-1.0 for _ in found)])


def _scores(store: Store, made: Mapping[str, Ref]) -> Markup | str:
    if "review [seeds]" not in made:
        return ""
    seeds = _values(store, made["review [seeds]"])
    written = [
        score for label, ref in made.items() if label.startswith("review [written") for score in _values(store, ref)
    ]
    v = store.record(made["split"]).get("thresholds", {}).get("V") if "split" in made else None
    return Markup(charts.histograms({"seeds": seeds, "written": written}, "score", ("V", v) if v is not None else None))


def _values(store: Store, reviews: Ref) -> list[float]:
    return [score for score in store.rows(reviews, Review).column("score") if score is not None]


def _anchors(store: Store, made: Mapping[str, Ref]) -> Markup | str:
    if "judge" not in made:
        return ""
    rows = store.rows(made["judge"], AnchorScore, "scores")
    scored = list(zip(*(rows.column(name) for name in ("source", "corruption", "score")), strict=True))
    found = {
        name: [
            score
            for source, corruption, score in scored
            if source == "human" and score is not None and (corruption == "good") == good
        ]
        for name, good in (("good", True), ("corrupted", False))
    }
    return Markup(charts.histograms(found, "score")) if any(found.values()) else ""


def _rejects(rows: list[FunnelRow]) -> Markup | str:
    reasons: dict[str, float] = {}
    for row in rows:
        for rule, count in row.rejected.items():
            reasons[rule] = reasons.get(rule, 0) + count
    return Markup(charts.bars(_largest(reasons), "rows")) if reasons else ""


def _training(store: Store, made: Mapping[str, Ref]) -> dict[str, Markup]:
    found = {}
    for method in ("sft", "dpo"):
        curve = store.record(made[method]).get("curve", []) if method in made else []
        for key, title in (("loss", "loss"), ("rewards/margins", "reward margin"), ("rewards/accuracies", "accuracy")):
            points = [(entry["step"], entry[key]) for entry in curve if key in entry]
            if points:
                found[f"{method.upper()}: {title}"] = Markup(charts.curves({title: points}, "step", title))
    return found


def _tokens(store: Store, made: Mapping[str, Ref]) -> Markup | str:
    records = {label: store.record(ref).get("tokens") for label, ref in made.items()}
    found = {label: float(tokens["prompt"] + tokens["new"]) for label, tokens in records.items() if tokens}
    return Markup(charts.bars(_largest(found), "tokens read and written")) if found else ""


def _largest(found: Mapping[str, float], count: int = 12) -> dict[str, float]:
    """The largest, and the rest together."""
    ordered = sorted(((name, value) for name, value in found.items() if value > 0), key=lambda item: -item[1])
    rest = sum(value for _, value in ordered[count:])
    return dict(ordered[:count]) | ({"the rest": rest} if rest else {})
