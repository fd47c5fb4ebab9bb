"""The report's part on verification: how often each check was met, what was let in, and answers with their reasons."""

from collections import Counter
from collections.abc import Mapping
from statistics import mean
from typing import Any, get_args

from markupsafe import Markup

from flows.report import charts
from tasks.annotate.steps import VERIFIED
from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evolution.ledger import Iteration
from tasks.recipe.evaluation import EvaluateConfig
from tasks.recipe.verification import Way
from tasks.store.artifacts import Ref, Store
from tasks.store.examples import PreferencePair
from tasks.store.verified import Checked
from tasks.verify.questions.panels import Part, panels

SAMPLES = 3


def verification(store: Store, one: Iteration) -> dict[str, Any]:
    """Of one iteration; empty where nothing was verified."""
    made = one.stages
    if VERIFIED not in made:
        return {}
    kinds = _by_kind(store, one)
    rates = [row for way in get_args(Way) if f"check [{way}]" in made for row in _rates(store, way, made)]
    kept = store.record(made[VERIFIED])
    of_samples = [row for row in rates if row["way"] != "hindsight"]
    several = Counter(row["check"] for row in of_samples)  # `number` may be asked of given and of computed questions
    bars = {
        f"{row['check']} [{row['way']}]" if several[row["check"]] > 1 else row["check"]: row["rate"]
        for row in of_samples
    }
    return {
        "rates": rates,
        "chart": Markup(charts.bars(bars, "share of cleaned answers that pass", "{:.2f}")) if bars else "",
        "kinds": Markup(charts.changes(kinds, "champion", "candidate", "share of panel questions that pass"))
        if kinds
        else "",
        "rows": kept["rows"]["sft"],
        "pairs": kept["rows"]["pairs"],
        "rejected": kept["rejected"],
        "samples": _samples(store, made),
    }


def _rates(store: Store, way: Way, made: Mapping[str, Ref]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, int]] = store.record(made[f"check [{way}]"])["passed"]
    return [
        {"way": way, "check": name, "rate": one["passed"] / one["asked"], **one, "unsure": one["cannot tell"]}
        for name, one in found.items()
    ]


def _by_kind(store: Store, one: Iteration) -> dict[str, tuple[float, float]]:
    """What champion and candidate pass of the panels, both parts together, by kind of question."""
    evaluate, made = EvaluateConfig.model_validate(one.recipe["evaluate"]), one.stages
    asked: dict[str, str] = {}
    passed: dict[str, tuple[list[float], list[float]]] = {}
    parts: dict[Part, str] = {"gate": "panels", "test": "test panels"}
    for part, label in parts.items():
        if any(f"{label} [{who}]" not in made for who in ("champion", "candidate")):
            continue
        questions = panels(evaluate.panels, part, one.recipe["sampling_seed"], one.number)
        asked |= {question.id: question.about for of_panel in questions.values() for question in of_panel}
        for side, who in enumerate(("champion", "candidate")):
            for score in store.rows(made[f"{label} [{who}]"], ItemScore):
                if score.item in asked:  # one of another version's questions may not be made any more
                    passed.setdefault(asked[score.item], ([], []))[side].append(score.value)
    return {about: (mean(before), mean(after)) for about, (before, after) in passed.items() if before and after}


def _samples(store: Store, made: Mapping[str, Ref]) -> list[dict[str, Any]]:
    """Pairs, each side with what the checks said of it."""
    pairs = store.rows(made[VERIFIED], PreferencePair, "pairs")[:SAMPLES]
    wanted = {parent for pair in pairs for parent in pair.parents}
    reasons = {
        row.id: row
        for label, ref in made.items()
        if label.startswith("check [")
        for row in store.rows(ref, Checked)
        if row.id in wanted
    }

    def said(pair: PreferencePair, item: str) -> list[str]:
        found = [reasons[parent] for parent in pair.parents if parent in reasons]
        return [f"{row.check}: {row.outcome}, {row.reason}" for row in found if row.item == item]

    return [
        pair.model_dump() | {"right": said(pair, pair.parents[0]), "wrong": said(pair, pair.parents[1])}
        for pair in pairs
    ]
