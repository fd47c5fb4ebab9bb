"""Measure champion and candidate: held-out seeds, benchmarks, health; and decide between them."""

from collections.abc import Mapping
from typing import Any

from tasks.engines.calls import Answer, Call
from tasks.evaluate import gate, held_out
from tasks.evaluate.benchmarks import steps as benchmarking
from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evaluate.evidence import Evidence
from tasks.execution.stage import Stages, save_rows
from tasks.store.artifacts import Draft, Ref
from tasks.store.reviews import AnchorScore
from tasks.store.rows import Measured, Seed

# Of one model: "held_out", and "benchmarks", "judge", "mix", "divergence" where there are any.
Measures = dict[str, Ref]


def measure(stages: Stages, who: str, model: Ref, seeds: Ref) -> Measures:
    """What `model` does on held-out seeds and benchmarks: greedy, alike each time, so a champion is measured once."""
    config = stages.recipe.evaluate

    def calls() -> list[Call]:
        items = held_out.items(stages.store.rows(seeds, Seed, "held_out"), config)
        return held_out.calls(items, config)

    def save(draft: Draft, asked: list[Call], answers: list[Answer]) -> None:
        rows = held_out.measured(asked, answers, model.digest)
        save_rows(draft, len(rows), rows, [])

    measured = stages.infer(
        "evaluate",
        f"evaluate [{who}]",
        version=held_out.VERSION,
        config=config.model_dump(mode="json", exclude={"benchmarks"}),
        inputs={"seeds": seeds},
        model=model,
        calls=lambda _: calls(),
        save=save,
    )
    found = {"held_out": measured}
    for asked in stages.items.values():
        found["benchmarks"] = benchmarking.measure(stages, who, model, asked)
    return found


def decide(stages: Stages, champion: Measures, candidate: Measures) -> gate.Verdict:
    def save(draft: Draft) -> None:
        before, after = (evidence(stages, one) for one in (champion, candidate))
        draft.record["verdict"] = gate.decide(before, after, stages.recipe.gate).model_dump(mode="json")

    both = {"champion": champion, "candidate": candidate}
    decided = stages.compute(
        "gate",
        version=gate.VERSION,
        config=stages.recipe.gate,
        inputs={f"{who} {what}": ref.identity for who, found in both.items() for what, ref in found.items()},
        save=save,
    )
    return gate.Verdict.model_validate(stages.store.record(decided)["verdict"])


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
