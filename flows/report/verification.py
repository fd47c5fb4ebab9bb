"""The report's part on verification: how often each check was met, what was let in, and answers with their reasons."""

from collections.abc import Mapping
from typing import Any, get_args

from markupsafe import Markup

from flows.report import charts
from tasks.annotate.steps import VERIFIED
from tasks.recipe.verification import Way
from tasks.store.artifacts import Ref, Store
from tasks.store.examples import PreferencePair
from tasks.store.verified import Checked

SAMPLES = 3


def verification(store: Store, made: Mapping[str, Ref]) -> dict[str, Any]:
    """Of one iteration; empty where nothing was verified."""
    if VERIFIED not in made:
        return {}
    rates = [row for way in get_args(Way) if f"check [{way}]" in made for row in _rates(store, way, made)]
    kept = store.record(made[VERIFIED])
    sampled = {row["check"]: row["rate"] for row in rates if row["way"] != "hindsight"}
    return {
        "rates": rates,
        "chart": Markup(charts.bars(sampled, "share of cleaned answers that pass", "{:.2f}")) if sampled else "",
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
