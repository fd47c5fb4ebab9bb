"""Measure champion and candidate: held-out seeds, benchmarks, health; and decide between them."""

from collections.abc import Mapping
from typing import Any

from tasks import evaluate, gate
from tasks.artifacts import Draft, Ref
from tasks.axes import Evidence
from tasks.benchmarks import ItemScore
from tasks.calls import Answer, Call
from tasks.graded import AnchorScore
from tasks.records import Measured, Seed
from tasks.steps import benchmarking
from tasks.steps.base import Stages, save_rows

Measures = dict[
    str, Ref
]  # of one model: "held_out", and "benchmarks", "judge", "mix", "divergence" where there are any


def measure(stages: Stages, who: str, model: Ref, seeds: Ref) -> Measures:
    """What `model` does on held-out seeds and benchmarks: greedy, alike each time, so a champion is measured once."""
    config = stages.recipe.evaluate

    def calls() -> list[Call]:
        held_out = stages.store.rows(seeds, Seed, "held_out")
        return evaluate.calls(evaluate.items(held_out, config), config)

    def save(draft: Draft, asked: list[Call], answers: list[Answer]) -> None:
        rows = evaluate.measured(asked, answers, model.digest)
        save_rows(draft, len(rows), rows, [])

    shaped_by = config.model_dump(mode="json", exclude={"benchmarks"})
    spec = stages.spec("evaluate", evaluate.VERSION, shaped_by, {"model": model, "seeds": seeds})
    found = {"held_out": stages.infer(f"evaluate [{who}]", spec, model, lambda _: calls(), save)}
    for asked in stages.items.values():
        found["benchmarks"] = benchmarking.measure(stages, who, model, asked)
    return found


def decide(stages: Stages, champion: Measures, candidate: Measures) -> gate.Verdict:
    def save(draft: Draft) -> None:
        before, after = (evidence(stages, one) for one in (champion, candidate))
        draft.record["verdict"] = gate.decide(before, after, stages.recipe.gate).model_dump(mode="json")

    inputs = {f"{who} {what}": ref for who, found in _both(champion, candidate) for what, ref in found.items()}
    # A record's figures are no content: an artifact of figures alone is told by what made it.
    told: dict[str, Ref | str] = {k: v.fingerprint if k.endswith("divergence") else v for k, v in inputs.items()}
    spec = stages.spec("gate", gate.VERSION, stages.recipe.gate, told)
    return gate.Verdict.model_validate(stages.store.record(stages.compute("gate", spec, save))["verdict"])


def _both(champion: Measures, candidate: Measures) -> list[tuple[str, Measures]]:
    return [("champion", champion), ("candidate", candidate)]


def evidence(stages: Stages, found: Mapping[str, Ref]) -> Evidence:
    store = stages.store
    records: dict[str, dict[str, Any]] = {what: store.record(ref) for what, ref in found.items()}
    figures: dict[str, float] = {}
    if "divergence" in found:
        figures["kl"] = records["divergence"]["kl"]
    if "mix" in found:
        figures["leaked_rows"] = records["mix"]["leaked_rows"]
    anchors = store.rows(found["judge"], AnchorScore, "scores") if "judge" in found else []
    if anchors:
        figures["unparsed"] = sum(one.score is None for one in anchors) / len(anchors)
    return Evidence(
        held_out=store.rows(found["held_out"], Measured),
        scores=store.rows(found["benchmarks"], ItemScore) if "benchmarks" in found else [],
        anchors=anchors,
        figures=figures,
    )
