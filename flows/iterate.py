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
from tasks.steps import Steps


@flow(name="iterate", flow_run_name="iteration {number}", validate_parameters=False, persist_result=False)
def iterate(
    runner: Runner, number: int, champion: Ref, seeds: Ref, seeds_source: str, grown_from: Sequence[Ref]
) -> Iteration:
    """From a champion and its seeds to a candidate and a verdict on it. A stage that leaves nothing ends it: hold."""
    started, steps = time.monotonic(), Steps(runner, number)
    candidate, verdict = _candidate_and_verdict(steps, champion, seeds, grown_from)
    publish_funnel(steps)
    publish_training(steps)
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
        stages=steps.made,
        recipe=runner.recipe.model_dump(mode="json"),
        seconds=round(time.monotonic() - started, 1),
        run=str(flow_run.get_id()),
    )


def _candidate_and_verdict(
    steps: Steps, champion: Ref, seeds: Ref, grown_from: Sequence[Ref]
) -> tuple[Ref | None, gate.Verdict]:
    before = steps.measure("champion", champion, seeds)  # first, while its engine is up

    pool = steps.pool(seeds, grown_from)
    seed_reviews = steps.review_seeds(champion, pool)
    routes = steps.split(pool, seed_reviews)
    if missing := steps.shortage(routes):
        return None, gate.held(missing)

    written = steps.write_instructions(champion, routes)
    instructions = steps.clean("instructions", written, pool)
    answers = steps.clean("answers", steps.write_answers(champion, instructions), pool)
    flawed = steps.clean("flawed", steps.write_flawed(champion, routes), pool)
    reviews = steps.review_written(champion, answers, flawed)
    rows = steps.annotate(seeds, routes, seed_reviews, answers, flawed, reviews)
    if missing := steps.shortage(rows):
        return None, gate.held(missing)

    tuned = steps.sft(champion, rows)
    candidate = steps.dpo(tuned, rows)
    after = steps.measure("candidate", candidate, seeds)
    return candidate, steps.decide(before, after)
