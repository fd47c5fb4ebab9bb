"""Measure champion and candidate: held-out seeds, benchmarks, health; and decide between them."""

from collections.abc import Mapping
from typing import Any

from tasks.engines.calls import Answer, Call
from tasks.evaluate import gate, held_out, looks
from tasks.evaluate import panels as panel_scores
from tasks.evaluate.benchmarks import steps as benchmarking
from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evaluate.evidence import Evidence
from tasks.execution.stage import Stages, save_rows
from tasks.store.artifacts import Draft, Ref
from tasks.store.reviews import AnchorScore
from tasks.store.rows import Measured, Seed
from tasks.verify.checks.base import versions
from tasks.verify.questions import panels
from tasks.verify.questions.kinds import digest_of
from tasks.verify.questions.panels import Part

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
        save_rows(draft, len({held_out.item_of(call) for call in asked}), rows, [])

    measured = stages.infer(
        "evaluate",
        f"evaluate [{who}]",
        version=held_out.VERSION,
        config=config.model_dump(mode="json", exclude={"benchmarks", "panels", "test_panels"}),
        inputs={"seeds": seeds},
        model=model,
        calls=lambda _: calls(),
        save=save,
    )
    found = {"held_out": measured}
    for asked in stages.items.values():
        found["benchmarks"] = benchmarking.measure(stages, who, model, asked)
    if config.panels:
        found["panels"] = _panels(stages, who, model, "gate")
    if config.panels and config.test_panels:  # the same questions each time: a champion was asked as a candidate
        _panels(stages, who, model, "test")
    return found


def _panels(stages: Stages, who: str, model: Ref, part: Part) -> Ref:
    """Scores on panels: of the gate's part on questions that are drawn for this iteration, the same for both models."""
    counts = stages.recipe.evaluate.panels
    asked = panels.panels(counts, part, stages.recipe.sampling_seed, stages.number)

    def save(draft: Draft, calls: list[Call], answers: list[Answer]) -> None:
        scores = panel_scores.scores(asked, answers, model.digest)
        save_rows(draft, len(calls), scores, [])
        of_each = {name: [one.value for one in scores if one.benchmark == name] for name in counts}
        draft.record["benchmarks"] = {name: sum(values) / len(values) for name, values in of_each.items()}

    return stages.infer(
        "panels",
        f"{'panels' if part == 'gate' else 'test panels'} [{who}]",
        version=10 * panel_scores.VERSION + panels.VERSION,
        config={"panels": dict(counts), "part": part, "checks": versions([q for of in asked.values() for q in of])},
        inputs={"questions": digest_of(*panels.FILES)},
        sampling="iteration" if part == "gate" else "none",
        model=model,
        calls=lambda _: panel_scores.calls(asked),
        save=save,
    )


def decide(stages: Stages, champion: Measures, candidate: Measures, known: Mapping[str, int]) -> gate.Verdict:
    """`known`: the looks that the evolution's gates have taken so far, with their numbers."""
    config = stages.recipe.gate
    both = {"champion": champion, "candidate": candidate}
    inputs = {f"{who} {what}": ref.identity for who, found in both.items() for what, ref in found.items()}
    asked = config.model_dump(mode="json")
    number = looks.number_of(looks.look(asked, inputs), known, stages.number)
    spent = {} if config.policy == "paper" else {looks.NUMBER: number}  # the published one spends no error

    def save(draft: Draft) -> None:
        before, after = (evidence(stages, one) for one in (champion, candidate))
        draft.record["verdict"] = gate.decide(before, after, config, number).model_dump(mode="json")

    decided = stages.compute(
        "gate",
        version=gate.VERSION,
        config=asked | spent,
        inputs=inputs,
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
    scores = _asked_by_the_gate(stages, found["benchmarks"]) if "benchmarks" in found else []
    scores += store.rows(found["panels"], ItemScore) if "panels" in found else []
    return Evidence(
        held_out=store.rows(found["held_out"], Measured),
        scores=scores,
        anchors=anchors,
        figures=figures,
    )


def _asked_by_the_gate(stages: Stages, scores: Ref) -> list[ItemScore]:
    beside = {axis for one in stages.recipe.evaluate.benchmarks if not one.in_gate for axis in one.metrics}
    return [row for row in stages.store.rows(scores, ItemScore) if row.benchmark not in beside]
