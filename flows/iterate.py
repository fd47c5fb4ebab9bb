"""One iteration of the loop, read top to bottom. Each stage is a Prefect task, found in the store or made."""

import time
from collections.abc import Sequence

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from flows.pictures import publish_funnel, publish_training, publish_verdict
from tasks import gate
from tasks.artifacts import Ref
from tasks.ledger import Iteration
from tasks.runner import Runner
from tasks.steps import annotating, measuring, reviewing, training, writing
from tasks.steps.base import Stages


@flow(name="iterate", flow_run_name="iteration {number}", validate_parameters=False, persist_result=False)
def iterate(
    runner: Runner, number: int, champion: Ref, seeds: Ref, seeds_source: str, grown_from: Sequence[Ref]
) -> Iteration:
    """From a champion and its seeds to a candidate and a verdict on it. A stage that leaves nothing ends it: hold."""
    started, stages = time.monotonic(), Stages(runner, number)
    candidate, verdict = _candidate_and_verdict(stages, champion, seeds, grown_from)
    publish_funnel(stages)
    publish_training(stages)
    publish_verdict(verdict, number)
    get_run_logger().info("%s: %s", verdict.decision, "; ".join(verdict.reasons))
    return Iteration(
        number=number,
        seeds_source=seeds_source,
        seeds=seeds,
        champion_before=champion,
        champion_after=candidate if candidate and verdict.decision == "promote" else champion,
        candidate=candidate,
        verdict=verdict,
        stages=stages.made,
        recipe=runner.recipe.model_dump(mode="json"),
        seconds=round(time.monotonic() - started, 1),
        run=str(flow_run.get_id()),
    )


def _candidate_and_verdict(
    stages: Stages, champion: Ref, seeds: Ref, grown_from: Sequence[Ref]
) -> tuple[Ref | None, gate.Verdict]:
    before = measuring.measure(stages, "champion", champion, seeds)  # first, while its engine is up
    calibration = reviewing.calibration(stages, champion, seeds)

    pool = annotating.pool(stages, seeds, grown_from)
    seed_reviews = reviewing.review_seeds(stages, champion, calibration, pool)
    routes = annotating.split(stages, pool, seed_reviews)
    if missing := stages.shortage(routes):
        return None, gate.held(missing)

    instructions = writing.clean(stages, "instructions", writing.instructions(stages, champion, routes), pool)
    written = {"answers": writing.answers(stages, champion, instructions)}
    written["flawed"] = writing.flawed(stages, champion, routes)
    if stages.recipe.write.ordinary_per_high_seed:
        written["ordinary"] = writing.ordinary(stages, champion, routes)
    texts = {what: writing.clean(stages, what, ref, pool) for what, ref in written.items()}
    reviews = reviewing.review_written(stages, champion, calibration, texts)
    rows = annotating.annotate(
        stages, seeds=seeds, routes=routes, seed_reviews=seed_reviews, texts=texts, reviews=reviews
    )
    if missing := stages.shortage(rows):
        return None, gate.held(missing)

    mixed = training.mix(stages, rows, grown_from, seeds)
    tuned = training.sft(stages, champion, mixed)
    candidate = training.dpo(stages, tuned, mixed)
    after = measuring.measure(stages, "candidate", candidate, seeds)
    return candidate, measuring.decide(stages, before, after)
