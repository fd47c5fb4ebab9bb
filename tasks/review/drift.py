"""Drift: how the reviewer does from iteration to iteration, from its meta-evaluations."""

from collections.abc import Mapping
from typing import Any

from tasks.store.artifacts import Ref, Store


def by_iteration(store: Store, made: Mapping[str, Mapping[str, Ref]]) -> dict[str, dict[str, float | None]]:
    """`figures` of iterations by name, from their artifacts by label in order; those without any are left out."""
    before = [None, *made.values()]
    found = {name: figures(store, one, earlier) for (name, one), earlier in zip(made.items(), before, strict=False)}
    return {name: values for name, values in found.items() if values}


def figures(store: Store, made: Mapping[str, Ref], before: Mapping[str, Ref] | None = None) -> dict[str, float | None]:
    """One iteration's figures by name, with the drift of the mean since the one before; empty where it was not judged.

    Scores are 0-10, of anchors that no iteration trains on; AUCs of the human ones by what was done to them.
    """
    record = _record(store, made)
    if record is None:
        return {}
    judge, earlier = record["judge"], _record(store, before or {})
    found: dict[str, float | None] = {
        f"AUC {one['corruption']}": one["auc"] for one in judge["aucs"] if one["source"] == "human"
    }
    found |= {f"AUC {one['corruption']}": one["auc"] for one in judge["aucs"] if one["source"] == "own"}
    if "judge [verdicts]" in made:
        truth = store.record(made["judge [verdicts]"])["truth"]
        found |= {f"AUC right over wrong, {one['about']}": one["auc"] for one in truth}
    return found | {
        "mean score": judge["mean_score"],
        "drift of the mean": judge["mean_score"] - earlier["judge"]["mean_score"] if earlier else None,
        "share above 9.5": judge["ceiling_share"],
        "human minus own": judge["human_own_gap"],
        "correlation with length": judge["length_correlation"],
        "retest difference": record["retest"]["spread"],
        "canary gain": record["canaries"]["mean"] if record["canaries"] else None,
    }


def _record(store: Store, made: Mapping[str, Ref]) -> dict[str, Any] | None:
    try:
        record = store.record(made["judge"])
    except (KeyError, OSError):  # there was nothing to judge it on, or what was found out is gone from the store
        return None
    return record if record["judge"] else None  # none of its answers was a score
