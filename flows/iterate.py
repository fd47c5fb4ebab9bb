"""One iteration of the loop, read top to bottom. Each stage is a Prefect task, found in the store or made."""

import time
from collections.abc import Sequence

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from flows.pictures import publish_funnel, publish_reviewer, publish_training, publish_verdict
from tasks import gate
from tasks.artifacts import Ref
from tasks.config import Branch
from tasks.ledger import Iteration
from tasks.runner import Runner
from tasks.steps import annotating, judging, measuring, reviewing, training, writing
from tasks.steps.base import Stages
from tasks.vetoes import Veto


@flow(name="iterate", flow_run_name="iteration {number}", validate_parameters=False, persist_result=False)
def iterate(
    runner: Runner,
    number: int,
    champion: Ref,
    base: Ref,
    seeds: Ref,
    grown_from: Sequence[Ref],
    vetoes: Sequence[Veto],
) -> Iteration:
    """From a champion and its seeds to a candidate and a verdict on it. A stage that leaves nothing ends it: hold."""
    started, stages = time.monotonic(), Stages(runner, number, vetoes)
    candidate, verdict = _candidate_and_verdict(stages, champion, base, seeds, grown_from)
    publish_funnel(stages)
    publish_reviewer(stages)
    publish_training(stages)
    publish_verdict(verdict, number)
    get_run_logger().info("%s: %s", verdict.decision, "; ".join(verdict.reasons))
    return Iteration(
        number=number,
        seeds=seeds,
        champion_before=champion,
        champion_after=candidate if candidate and verdict.decision == "promote" else champion,
        candidate=candidate,
        verdict=verdict,
        stages=stages.made,
        recipe=runner.recipe.model_dump(mode="json"),
        seconds=round(time.monotonic() - started, 1),
        vetoes=tuple(veto.row for veto in vetoes),
        run=str(flow_run.get_id()),
    )


def _candidate_and_verdict(
    stages: Stages, champion: Ref, base: Ref, seeds: Ref, grown_from: Sequence[Ref]
) -> tuple[Ref | None, gate.Verdict]:
    branches = stages.recipe.branches
    judging.check(stages, seeds)
    before = measuring.measure(stages, "champion", champion, seeds)  # first, while its engine is up
    pool = annotating.pool(stages, seeds, grown_from)
    rows, missing = _rows(stages, champion, seeds, pool) if branches else ([], [])
    if missing:
        return None, gate.held(missing)

    mixed = training.mix(stages, rows, grown_from, pool, seeds)
    tuned = training.sft(stages, champion, mixed) if "sft" in branches or not branches else champion
    if missing := stages.shortage(tuned):
        return None, gate.held(missing)
    candidate = training.dpo(stages, tuned, mixed, champion=champion, base=base) if "preference" in branches else tuned
    if missing := stages.shortage(candidate):
        return None, gate.held(missing)
    training.divergence(stages, candidate, base, seeds)
    after = measuring.measure(stages, "candidate", candidate, seeds)
    return candidate, measuring.decide(stages, before, after)


def _rows(stages: Stages, champion: Ref, seeds: Ref, pool: Ref) -> tuple[list[Ref], list[str]]:
    """What the champion wrote and its reviewer kept, in as many rounds as the target takes; or what is missing."""
    reviewer = judging.judged(stages, champion, seeds)
    seed_reviews = reviewing.review_seeds(stages, champion, reviewer, pool)
    routes = annotating.split(stages, pool, seed_reviews)
    if missing := stages.shortage(routes):
        return [], missing

    rounds: list[writing.Round] = []
    reviews: list[Ref] = []
    wanted: Sequence[Branch] = stages.recipe.branches
    while wanted:
        written = writing.write_round(
            stages, champion, routes=routes, pool=pool, seeds=seeds, branches=wanted, earlier=rounds
        )
        rounds.append(written)
        reviews.append(reviewing.review_written(stages, champion, reviewer, written.responses, written.number))
        rows = annotating.annotate(
            stages, routes=routes, pool=pool, seed_reviews=seed_reviews, rounds=rounds, reviews=reviews
        )
        wanted = annotating.still_wanted(stages, rows)
    return [rows], stages.shortage(rows)
