"""Review: signals are asked of the reviewer, and scores are made of them."""

from collections.abc import Callable, Mapping, Sequence

from tasks import constitution, review
from tasks.artifacts import Draft, Ref
from tasks.calibration import Calibration
from tasks.calls import Answer, Call
from tasks.graded import Pair, Review, Signals
from tasks.records import Seed, Written, digest
from tasks.signals.collect import Collector
from tasks.steps.base import Stages, in_round, save_rows

SIGNALS_VERSION = 3  # 3: the end of a turn is its end token, not the line break behind it


def signals(stages: Stages, what: str, model: Ref, inputs: dict[str, Ref], items: Callable[[], Sequence[Pair]]) -> Ref:
    """What the model sees in each item, as the recipe asks; everything is stored, no score is made of it."""
    collector = Collector(stages.recipe.signals, model.digest, stages.recipe.sampling_seed)

    def calls(answers: Mapping[str, Answer]) -> list[Call]:
        return collector.calls(items(), answers)

    def save(draft: Draft, _: list[Call], answers: list[Answer]) -> None:
        rows = collector.rows(items(), {answer.call: answer for answer in answers})
        save_rows(draft, len(rows), rows, [])

    looked_at: dict[str, Ref | str] = {"model": model, "principles": collector.principles, **inputs}
    spec = stages.spec("signals", SIGNALS_VERSION, stages.recipe.signals, looked_at, collector.prompts)
    return stages.infer(f"signals [{what}]", spec, model, calls, save)


def review_seeds(stages: Stages, model: Ref, judged_by: Ref | None, pool: Ref) -> Ref:
    return _review(stages, "seeds", model, judged_by, {"pool": pool}, lambda: stages.store.rows(pool, Seed))


def review_written(stages: Stages, model: Ref, judged_by: Ref | None, texts: Mapping[str, Ref], round: int) -> Ref:
    def items() -> list[Written]:
        return [row for ref in texts.values() for row in stages.store.rows(ref, Written)]

    return _review(stages, in_round("written", round), model, judged_by, dict(texts), items)


def _review(
    stages: Stages,
    what: str,
    model: Ref,
    judged_by: Ref | None,
    inputs: dict[str, Ref],
    items: Callable[[], Sequence[Pair]],
) -> Ref:
    config = stages.recipe.review
    looked = signals(stages, what, model, inputs, items)

    def save(draft: Draft) -> None:
        rows = items()
        fitted = Calibration.model_validate(calibration) if calibration else None
        reviewer = review.Reviewer(config, constitution.load(), fitted)
        reviews = [reviewer.review(one) for one in stages.store.rows(looked, Signals)]
        unparsed = review.quarantine(rows, reviews, config)
        scored: list[Review] = [one for one in reviews if one.outcome == "scored"]
        save_rows(draft, len(rows), scored, unparsed, tables={"rows": reviews})

    calibration = stages.store.record(judged_by)["calibration"] if judged_by else None
    fitted_to = {"calibration": digest(calibration)} if calibration else {}
    made_of: dict[str, Ref | str] = {"signals": looked, **inputs, **fitted_to}
    return stages.compute(
        f"review [{what}]", stages.spec("review", review.VERSION, config, made_of, ("principles",)), save
    )
