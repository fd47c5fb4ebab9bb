"""Review: signals are asked of the reviewer, scores are made of them, and the reviewer is evaluated on anchors."""

from collections.abc import Callable, Mapping, Sequence

from tasks.engines.calls import Answer, Call
from tasks.execution.stage import Stages, in_round, save_rows
from tasks.review import anchors, canaries, constitution, meta_evaluation, reviewer, truth
from tasks.review.calibration import Calibration
from tasks.review.signals.collect import Collector
from tasks.store.artifacts import Draft, Ref
from tasks.store.reviews import Anchor, Review, Reviewable, Scored, Signals
from tasks.store.rows import Seed, Written, digest
from tasks.store.tables import Rows
from tasks.store.verified import Checked, Question, Verdicts
from tasks.verify.checks.base import versions
from tasks.verify.questions import computed
from tasks.verify.questions.kinds import digest_of

ABOUT = ("questions", "answers", "checked")
SIGNALS_VERSION = 3  # 3: the end of a turn is its end token, not the line break behind it


def signals(
    stages: Stages, what: str, model: Ref, inputs: dict[str, Ref], items: Callable[[], Sequence[Reviewable]]
) -> Ref:
    """What the model sees in each item, as the recipe asks; everything is stored, no score is made of it."""
    collector = Collector(stages.recipe.signals, model.digest, stages.recipe.sampling_seed)

    def calls(answers: Mapping[str, Answer]) -> list[Call]:
        return collector.calls(items(), answers)

    def save(draft: Draft, _: list[Call], answers: list[Answer]) -> None:
        rows = collector.rows(items(), {answer.call: answer for answer in answers})
        save_rows(draft, len(rows), rows, [])

    return stages.infer(
        "signals",
        f"signals [{what}]",
        version=SIGNALS_VERSION,
        config=stages.recipe.signals,
        inputs={"principles": collector.principles, **inputs},
        prompts=collector.prompts,
        model=model,
        calls=calls,
        save=save,
    )


def review_seeds(stages: Stages, model: Ref, evaluated: Ref | None, pool: Ref) -> Ref:
    return _review(stages, "seeds", model, evaluated, {"pool": pool}, lambda: stages.store.rows(pool, Seed))


def review_written(stages: Stages, model: Ref, evaluated: Ref | None, texts: Mapping[str, Ref], round: int) -> Ref:
    store = stages.store
    return _review(
        stages, in_round("written", round), model, evaluated, dict(texts), lambda: store.rows(texts.values(), Written)
    )


def review_passing(stages: Stages, model: Ref, evaluated: Ref | None, found: Sequence[tuple[Ref, Ref, Ref]]) -> Ref:
    """Scores of all sampled answers that pass; of each way its questions, answers and verdicts."""

    def passing() -> list[Written]:
        verdicts = _verdicts(stages, found)
        return [row for _, ref, _ in found for row in stages.store.rows(ref, Written) if verdicts.passed(row)]

    made_of = {f"{name}-{i}": ref for i, one in enumerate(found) for name, ref in zip(ABOUT, one, strict=True)}
    return _review(stages, "passing", model, evaluated, made_of, passing)


def _verdicts(stages: Stages, found: Sequence[tuple[Ref, Ref, Ref]]) -> Verdicts:
    questions, _, checked = zip(*found, strict=True)
    return Verdicts(stages.store.rows(questions, Question), stages.store.rows(checked, Checked))


def against_truth(stages: Stages, model: Ref, evaluated: Ref | None, found: Sequence[tuple[Ref, Ref, Ref]]) -> Ref:
    """How well scores tell right answers from wrong ones; `found`: of each way its questions, answers and verdicts."""
    store, most = stages.store, stages.recipe.verify.reviewed

    def save_some(draft: Draft) -> None:
        answers = store.rows((answers for _, answers, _ in found), Written)
        save_rows(draft, len(answers), truth.looked_at(answers, _verdicts(stages, found), most), [])

    def save(draft: Draft) -> None:
        scored, rows = Scored(store.rows(reviews, Review)), store.rows(looked_at, Written)
        compared = truth.against_truth(rows, _verdicts(stages, found), scored)
        draft.record["counts"] = {"in": len(rows), "out": sum(row in scored for row in rows)}
        draft.record["truth"] = [one.model_dump(mode="json") for one in compared]

    made_of = {f"{name}-{i}": ref for i, one in enumerate(found) for name, ref in zip(ABOUT, one, strict=True)}
    looked_at = stages.compute(
        "looked-at", "answers to review", version=truth.VERSION, config={"most": most}, inputs=made_of, save=save_some
    )
    reviews = _review(
        stages, "verified", model, evaluated, {"answers": looked_at}, lambda: store.rows(looked_at, Written)
    )
    return stages.compute(
        "truth",
        "judge [verdicts]",
        version=truth.VERSION,
        config={},
        inputs=made_of | {"answers": looked_at, "reviews": reviews},
        save=save,
    )


def _review(
    stages: Stages,
    what: str,
    model: Ref,
    evaluated: Ref | None,
    inputs: dict[str, Ref],
    items: Callable[[], Sequence[Reviewable]],
) -> Ref:
    """`evaluated` is the reviewer's meta-evaluation, which holds its calibration."""
    config = stages.recipe.review
    looked = signals(stages, what, model, inputs, items)
    calibration = stages.store.record(evaluated)["calibration"] if evaluated else None

    def save(draft: Draft) -> None:
        rows = items()
        fitted = Calibration.model_validate(calibration) if calibration else None
        scoring = reviewer.Reviewer(config, constitution.load(), fitted)
        reviews = Rows.of(Review, map(scoring.review, stages.store.rows(looked, Signals)))
        unparsed = reviewer.quarantine(rows, reviews, config)
        scored = reviews.where([outcome == "scored" for outcome in reviews.column("outcome")])
        save_rows(draft, len(rows), scored, unparsed, tables={"rows": reviews})

    return stages.compute(
        "review",
        f"review [{what}]",
        version=reviewer.VERSION,
        config=config,
        inputs={"signals": looked, **inputs, **({"calibration": digest(calibration)} if calibration else {})},
        prompts=("principles",),
        save=save,
    )


def check_anchors(stages: Stages, seeds: Ref) -> None:
    """Raise ValueError, before any model is loaded, where there are too few anchor seeds to calibrate with."""
    found = len(stages.store.rows(seeds, Seed, "anchors"))
    if stages.recipe.branches and stages.recipe.review.score == "calibrated" and found < anchors.MIN_SEEDS:
        raise ValueError(
            f"calibration: {found} seeds are set aside as anchors, expected at least {anchors.MIN_SEEDS}; add seeds, "
            "raise reading.anchor_share, or ask the reviewer: signals.use=[read] and review.score=read"
        )


def meta_evaluate(
    stages: Stages, model: Ref, seeds: Ref, anchors_of: str = "anchors", label: str = "judge"
) -> Ref | None:
    """The reviewer's quality on the anchor seeds, and its calibration where its score is a calibrated one.

    None without anchor seeds, or for scores that look at nothing.
    """
    recipe = stages.recipe
    if not stages.store.rows(seeds, Seed, "anchors") or recipe.review.score == "random":
        return None
    made = _make_anchors(stages, model, seeds, f"write [{anchors_of}]")

    def both() -> list[Anchor]:
        return stages.store.rows(made, Anchor) + stages.store.rows(made, Anchor, "canaries")

    found = signals(stages, anchors_of, model, {"anchors": made}, both)
    again = _retest(stages, model, made, f"signals [{anchors_of} again]")

    def save(draft: Draft) -> None:
        rows, attacked = stages.store.rows(made, Anchor), stages.store.rows(made, Anchor, "canaries")
        looks, second = stages.store.rows(found, Signals), stages.store.rows(again, Signals)
        known = meta_evaluation.meta_evaluate(rows, attacked, looks, second, recipe.review, recipe.calibration)
        draft.table("scores", known.scores)
        draft.record |= {
            "counts": {"in": len(rows), "out": len(rows) - known.unparsed},
            "rejected": {"unparsed": known.unparsed} if known.unparsed else {},
            "calibration": known.calibration and known.calibration.model_dump(mode="json"),
            "judge": known.quality and known.quality.model_dump(mode="json"),
            "canaries": known.canaries and known.canaries.model_dump(mode="json"),
            "retest": {"n": known.retested, "spread": known.spread},
        }

    return stages.compute(
        "judge",
        label,
        version=meta_evaluation.VERSION,
        config={name: getattr(recipe, name).model_dump(mode="json") for name in ("calibration", "review")},
        inputs={"anchors": made, "signals": found, "again": again},
        prompts=("principles",),
        save=save,
    )


def _make_anchors(stages: Stages, model: Ref, seeds: Ref, label: str) -> Ref:
    """Corrupted anchor seeds, texts of the model's own, and canaries: the same ones in every iteration."""
    recipe, wanted, seed_rows = stages.recipe, stages.recipe.anchors, stages.store.rows(seeds, Seed, "anchors")
    own = anchors.OwnTexts(seed_rows, wanted, recipe.sampling_seed, recipe.write.min_p)

    def save(draft: Draft, _: list[Call], answers: list[Answer]) -> None:
        found = anchors.human(own.seeds, wanted.draws) + own.anchors(answers)
        attacked = canaries.canaries(own.seeds, wanted.canaries)
        save_rows(draft, len(own.seeds), found, [], tables={"rows": found, "canaries": attacked})

    return stages.infer(
        "anchors",
        label,
        version=100 * computed.VERSION + 10 * anchors.VERSION + canaries.VERSION,
        config=wanted.model_dump(mode="json")
        | recipe.write.model_dump(mode="json", include={"min_p"})
        | {"checks": versions(own.questions)},
        inputs={"seeds": seeds, "questions": digest_of(computed.FILE)},
        prompts=("flawed", "canaries"),
        sampling="evolution",
        model=model,
        calls=lambda _: own.calls() if wanted.own_texts else [],
        save=save,
    )


def _retest(stages: Stages, model: Ref, made: Ref, label: str) -> Ref:
    """The first anchors asked a second time, sampled anew where the reviewer samples."""
    recipe = stages.recipe
    collector = Collector(recipe.signals, model.digest, recipe.sampling_seed)
    first_of: dict[str, str] = {}  # key of the first call by that of the second

    def items() -> Sequence[Anchor]:
        return stages.store.rows(made, Anchor)[: recipe.anchors.retested]

    def calls(answers: Mapping[str, Answer]) -> list[Call]:
        first = collector.calls(items(), {first_of[key]: answer for key, answer in answers.items()})
        second = [call.model_copy(update={"seed": call.seed + 1}) for call in first]
        first_of.update({again.key: call.key for again, call in zip(second, first, strict=True)})
        return second

    def save(draft: Draft, _: list[Call], answers: list[Answer]) -> None:
        rows = collector.rows(items(), {first_of[answer.call]: answer for answer in answers})
        save_rows(draft, len(rows), rows, [])

    return stages.infer(
        "retest",
        label,
        version=SIGNALS_VERSION,
        config=recipe.signals.model_dump(mode="json") | {"retested": recipe.anchors.retested},
        inputs={"anchors": made, "principles": collector.principles},
        prompts=collector.prompts,
        model=model,
        calls=calls,
        save=save,
    )
