"""Judge the reviewer on anchors: how well it sees, how stable it is, what it can be talked into; and calibrate it."""

from collections.abc import Mapping

from tasks import anchors, canaries, worth
from tasks.artifacts import Draft, Ref
from tasks.calls import Answer, Call
from tasks.graded import Anchor, Signals
from tasks.records import Seed
from tasks.signals.collect import Collector
from tasks.steps.base import Stages, save_rows
from tasks.steps.reviewing import SIGNALS_VERSION, signals


def check(stages: Stages, seeds: Ref) -> None:
    """Raise ValueError, before any model is loaded, where there are too few anchor seeds to calibrate with."""
    found = len(stages.store.rows(seeds, Seed, "anchors"))
    if stages.recipe.branches and stages.recipe.review.score == "calibrated" and found < anchors.MIN_SEEDS:
        raise ValueError(
            f"calibration: {found} seeds are set aside as anchors, expected at least {anchors.MIN_SEEDS}; add seeds, "
            "raise reading.anchor_share, or ask the reviewer: signals.use=[read] and review.score=read"
        )


def judged(stages: Stages, model: Ref, seeds: Ref, anchors_of: str = "anchors", label: str = "judge") -> Ref | None:
    """What the reviewer is worth on the anchor seeds, and its calibration where its score is one.

    None without anchor seeds, or for scores that look at nothing.
    """
    recipe, wanted = stages.recipe, stages.recipe.anchors
    set_aside = stages.store.rows(seeds, Seed, "anchors")
    if not set_aside or recipe.review.score == "random":
        return None
    own = anchors.OwnTexts(set_aside, wanted.max_new_tokens, recipe.sampling_seed)

    def make(draft: Draft, _: list[Call], answers: list[Answer]) -> None:
        found = anchors.human(own.seeds, wanted.draws) + own.anchors(answers)
        attacked = canaries.canaries(own.seeds, wanted.canaries)
        save_rows(draft, len(own.seeds), found, [], tables={"rows": found, "canaries": attacked})

    spec = stages.spec(  # the same in every iteration
        "anchors",
        10 * anchors.VERSION + canaries.VERSION,
        wanted,
        {"model": model, "seeds": seeds},
        ("flawed", "canaries"),
        sampling="evolution",
    )
    made = stages.infer(f"write [{anchors_of}]", spec, model, lambda _: own.calls() if wanted.own_texts else [], make)

    def both() -> list[Anchor]:
        return stages.store.rows(made, Anchor) + stages.store.rows(made, Anchor, "canaries")

    found = signals(stages, anchors_of, model, {"anchors": made}, both)
    again = _looked_at_again(stages, model, made, f"signals [{anchors_of} again]")

    def save(draft: Draft) -> None:
        rows, attacked = stages.store.rows(made, Anchor), stages.store.rows(made, Anchor, "canaries")
        looks, second = stages.store.rows(found, Signals), stages.store.rows(again, Signals)
        known = worth.worth(rows, attacked, looks, second, recipe.review, recipe.calibration)
        draft.table("scores", known.scores)
        draft.record |= {
            "counts": {"in": len(rows), "out": len(rows) - known.unparsed},
            "rejected": {"unparsed": known.unparsed} if known.unparsed else {},
            "calibration": known.calibration and known.calibration.model_dump(mode="json"),
            "judge": known.judge and known.judge.model_dump(mode="json"),
            "canaries": known.canaries and known.canaries.model_dump(mode="json"),
            "retest": {"n": known.retested, "spread": known.spread},
        }

    shaped_by = {"calibration": recipe.calibration, "review": recipe.review}
    config = {name: one.model_dump(mode="json") for name, one in shaped_by.items()}
    inputs = {"anchors": made, "signals": found, "again": again}
    return stages.compute(label, stages.spec("judge", worth.VERSION, config, inputs, ("principles",)), save)


def _looked_at_again(stages: Stages, model: Ref, made: Ref, label: str) -> Ref:
    """The first anchors asked a second time, sampled anew where the reviewer samples."""
    recipe = stages.recipe
    collector = Collector(recipe.signals, model.digest, recipe.sampling_seed)
    first_of: dict[str, str] = {}  # key of the first call by that of the second

    def items() -> list[Anchor]:
        return stages.store.rows(made, Anchor)[: recipe.anchors.retested]

    def calls(answers: Mapping[str, Answer]) -> list[Call]:
        first = collector.calls(items(), {first_of[key]: answer for key, answer in answers.items()})
        second = [call.model_copy(update={"seed": call.seed + 1}) for call in first]
        first_of.update({again.key: call.key for again, call in zip(second, first, strict=True)})
        return second

    def save(draft: Draft, _: list[Call], answers: list[Answer]) -> None:
        rows = collector.rows(items(), {first_of[answer.call]: answer for answer in answers})
        save_rows(draft, len(rows), rows, [])

    shaped_by = recipe.signals.model_dump(mode="json") | {"retested": recipe.anchors.retested}
    inputs: dict[str, Ref | str] = {"model": model, "anchors": made, "principles": collector.principles}
    spec = stages.spec("retest", SIGNALS_VERSION, shaped_by, inputs, collector.prompts)
    return stages.infer(label, spec, model, calls, save)
