"""Tell the recipe's experiment trackers of an iteration: once, as a run of its own."""

from typing import Any

from tasks.evaluate.gate import Verdict
from tasks.execution.stage import Stages
from tasks.store.artifacts import Ref

VERSION = 1
MODULE = "tasks.evolution.jobs.trackers"
CURVES = ("step", "loss", "grad_norm", "learning_rate", "rewards/accuracies", "rewards/margins")


def track(stages: Stages, verdict: Verdict, folder: str) -> Ref | None:
    """None where the recipe wants none. An iteration that is read again is not told again."""
    recipe, made, store = stages.recipe, stages.made, stages.store
    if not recipe.trackers or "gate" not in made:
        return None
    figures = {axis.name: axis.candidate for axis in verdict.axes} | verdict.figures
    if verdict.ability:
        figures |= {
            "ability": verdict.ability[0],
            "ability/low": verdict.ability[1],
            "ability/high": verdict.ability[2],
        }
    figures["promoted"] = float(verdict.decision == "promote")
    trained: dict[str, Ref] = {method: made[method] for method in ("sft", "dpo") if method in made}
    curves = {
        method: [{key: point[key] for key in CURVES if key in point} for point in store.record(ref).get("curve", [])]
        for method, ref in trained.items()
    }
    given = {
        "trackers": list(recipe.trackers),
        "project": recipe.name,
        "run": f"iteration-{stages.number}",
        "iteration": stages.number,
        "folder": folder,
        "config": _flat(recipe.model_dump(mode="json")),
        "curves": curves,
        "figures": figures,
    }
    told: dict[str, Ref | str] = {"gate": made["gate"].identity, **trained}
    return stages.job(
        "tracked",
        "trackers",
        version=VERSION,
        config={"trackers": recipe.trackers, "evolution": recipe.name, "iteration": stages.number},
        inputs=told,
        module=MODULE,
        given=given,
        tells=True,
    )


def _flat(values: dict[str, Any], above: str = "") -> dict[str, str | int | float | bool]:
    """Keys with dots, as `--set` takes them; what is no single value, as text: trackers take nothing else."""
    found: dict[str, str | int | float | bool] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{above}{key}.")
        else:
            found[above + key] = value if isinstance(value, str | int | float | bool) else str(value)
    return found
