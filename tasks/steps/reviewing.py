"""Review: anchors calibrate the reviewer, signals are asked of it, and scores are made of them."""

from collections.abc import Callable, Mapping, Sequence

from tasks import anchors, calibrate, canaries, constitution, review
from tasks.artifacts import Draft, Ref
from tasks.calibration import Calibration
from tasks.calls import Answer, Call
from tasks.graded import Anchor, Pair, Review, Signals
from tasks.judge import judge
from tasks.records import Seed, Written, digest
from tasks.signals.collect import Collector
from tasks.steps.base import Stages, in_round, save_rows

SIGNALS_VERSION = 2  # 2: what cannot be contradicted leads as a right response does
MIN_ANCHOR_SEEDS = 4


def calibration(stages: Stages, model: Ref, seeds: Ref) -> Ref | None:
    """The reviewer's calibration on the anchor seeds, its record saying how well it sees; None if none is wanted."""
    recipe, wanted, config = stages.recipe, stages.recipe.anchors, stages.recipe.calibration
    if recipe.review.score != "calibrated":
        return None
    set_aside = stages.store.rows(seeds, Seed, "anchors")
    if len(set_aside) < MIN_ANCHOR_SEEDS:
        raise ValueError(
            f"calibration: {len(set_aside)} seeds are set aside as anchors, expected at least {MIN_ANCHOR_SEEDS}; add "
            "seeds, raise reading.anchor_share, or ask the reviewer: signals.use=[read] and review.score=read"
        )
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
    made = stages.infer("write [anchors]", spec, model, lambda _: own.calls() if wanted.own_texts else [], make)

    def both() -> list[Anchor]:
        return stages.store.rows(made, Anchor) + stages.store.rows(made, Anchor, "canaries")

    found = _signals(stages, "anchors", model, {"anchors": made}, both)

    def fit(draft: Draft) -> None:
        rows, attacked = stages.store.rows(made, Anchor), stages.store.rows(made, Anchor, "canaries")
        signals = stages.store.rows(found, Signals)
        looked, of_attacked = signals[: len(rows)], signals[len(rows) :]
        principles = constitution.load().weighted(recipe.review.weights)
        fitted = calibrate.fit(rows, looked, principles, config)
        scores = calibrate.out_of_fold(rows, looked, principles, config)
        reviewer = review.Reviewer(recipe.review, constitution.load(), fitted)
        scored = {one.item: reviewer.review(one).score or 0.0 for one in of_attacked}
        shift = canaries.shift(attacked, scored)
        draft.record |= {
            "counts": {"in": len(rows), "out": len(rows)},
            "calibration": fitted.model_dump(mode="json"),
            "judge": judge(rows, scores).model_dump(mode="json"),
            "canaries": shift and shift.model_dump(mode="json"),
        }

    shaped_by = config.model_dump(mode="json") | {"weights": recipe.review.weights}
    inputs = {"anchors": made, "signals": found}
    return stages.compute(
        "calibrate", stages.spec("calibrate", calibrate.VERSION, shaped_by, inputs, ("principles",)), fit
    )


def review_seeds(stages: Stages, model: Ref, judged_by: Ref | None, pool: Ref) -> Ref:
    return _review(stages, "seeds", model, judged_by, {"pool": pool}, lambda: stages.store.rows(pool, Seed))


def review_written(stages: Stages, model: Ref, judged_by: Ref | None, texts: Mapping[str, Ref], round: int) -> Ref:
    def items() -> list[Written]:
        return [row for ref in texts.values() for row in stages.store.rows(ref, Written)]

    return _review(stages, in_round("written", round), model, judged_by, dict(texts), items)


def _signals(stages: Stages, what: str, model: Ref, inputs: dict[str, Ref], items: Callable[[], Sequence[Pair]]) -> Ref:
    collector = Collector(stages.recipe.signals, model.digest, stages.recipe.sampling_seed)

    def calls(answers: Mapping[str, Answer]) -> list[Call]:
        return collector.calls(items(), answers)

    def save(draft: Draft, _: list[Call], answers: list[Answer]) -> None:
        rows = collector.rows(items(), {answer.call: answer for answer in answers})
        save_rows(draft, len(rows), rows, [])

    looked_at: dict[str, Ref | str] = {"model": model, "principles": collector.principles, **inputs}
    spec = stages.spec("signals", SIGNALS_VERSION, stages.recipe.signals, looked_at, collector.prompts)
    return stages.infer(f"signals [{what}]", spec, model, calls, save)


def _review(
    stages: Stages,
    what: str,
    model: Ref,
    judged_by: Ref | None,
    inputs: dict[str, Ref],
    items: Callable[[], Sequence[Pair]],
) -> Ref:
    config = stages.recipe.review
    signals = _signals(stages, what, model, inputs, items)

    def save(draft: Draft) -> None:
        rows = items()
        fitted = stages.store.record(judged_by)["calibration"] if judged_by else None
        reviewer = review.Reviewer(config, constitution.load(), Calibration.model_validate(fitted) if fitted else None)
        reviews = [reviewer.review(one) for one in stages.store.rows(signals, Signals)]
        unparsed = review.quarantine(rows, reviews, config)
        scored: list[Review] = [one for one in reviews if one.outcome == "scored"]
        save_rows(draft, len(rows), scored, unparsed, tables={"rows": reviews})

    fitted_to = {"calibration": digest(stages.store.record(judged_by)["calibration"])} if judged_by else {}
    made_of: dict[str, Ref | str] = {"signals": signals, **inputs, **fitted_to}
    return stages.compute(
        f"review [{what}]", stages.spec("review", review.VERSION, config, made_of, ("principles",)), save
    )
