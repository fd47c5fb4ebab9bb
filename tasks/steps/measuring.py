"""Measure champion and candidate on the held-out seeds, and decide between them."""

from tasks import evaluate, gate
from tasks.artifacts import Draft, Ref
from tasks.calls import Answer, Call
from tasks.records import Measured, Seed
from tasks.steps.base import Stages, save_rows


def measure(stages: Stages, who: str, model: Ref, seeds: Ref) -> Ref:
    """What `model` does on the held-out seeds: greedy, alike in every iteration, so a champion is measured once."""
    config = stages.recipe.evaluate

    def calls() -> list[Call]:
        held_out = stages.store.rows(seeds, Seed, "held_out")
        return evaluate.calls(evaluate.items(held_out, config), config)

    def save(draft: Draft, asked: list[Call], answers: list[Answer]) -> None:
        rows = evaluate.measured(asked, answers, model.digest)
        save_rows(draft, len(rows), rows, [])

    spec = stages.spec("evaluate", evaluate.VERSION, config, {"model": model, "seeds": seeds})
    return stages.infer(f"evaluate [{who}]", spec, model, lambda _: calls(), save)


def decide(stages: Stages, champion: Ref, candidate: Ref) -> gate.Verdict:
    def save(draft: Draft) -> None:
        before, after = (stages.store.rows(ref, Measured) for ref in (champion, candidate))
        draft.record["verdict"] = gate.decide(before, after, stages.recipe.gate).model_dump(mode="json")

    spec = stages.spec("gate", gate.VERSION, stages.recipe.gate, {"champion": champion, "candidate": candidate})
    return gate.Verdict.model_validate(stages.store.record(stages.compute("gate", spec, save))["verdict"])
