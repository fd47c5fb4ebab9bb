"""One iteration of the loop, read top to bottom. Each stage is a Prefect task, found in the store or made."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from pydantic import BaseModel, Field, computed_field

from flows.report.prefect_ui import publish_funnel, publish_reviewer, publish_training, publish_verdict
from tasks.annotate import steps as annotating
from tasks.engines.processes.child import ChildFailed
from tasks.evaluate import gate
from tasks.evaluate import steps as evaluating
from tasks.evolution import tracking
from tasks.evolution.champion import now
from tasks.evolution.ledger import Iteration
from tasks.execution.runner import PrefectRunner
from tasks.execution.stage import Stages
from tasks.recipe.data import Branch
from tasks.review import steps as reviewing
from tasks.seeds import steps as seeding
from tasks.store.artifacts import Ref
from tasks.store.home import Home
from tasks.store.vetoes import Veto
from tasks.train import steps as training
from tasks.verify import steps as verifying
from tasks.write import steps as writing


@dataclass(frozen=True)
class Sources:
    """From what an iteration's rows are made: the model that writes them, and what it has read."""

    model: Ref
    seeds: Ref
    pool: Ref  # the seeds, and what grew from them
    grown_from: Sequence[Ref]  # the rows of earlier iterations
    reviewer: Ref | None


class Vetoed(BaseModel):
    """A person's vetoes. Prefect refuses parameters of more than 512 KiB: it is told how many there are."""

    vetoes: tuple[Veto, ...] = Field(exclude=True)

    @computed_field  # type: ignore[prop-decorator]  # as pydantic's documentation has it
    @property
    def rows(self) -> int:
        return len(self.vetoes)


@flow(name="iterate", flow_run_name="iteration {number}", validate_parameters=False, persist_result=False)
def iterate(
    runner: PrefectRunner,
    number: int,
    start: Ref,
    champion: Ref,
    base: Ref,
    seeds: Ref,
    grown_from: Sequence[Ref],
    vetoed: Vetoed,
    items: Ref | None,
    again: Mapping[str, int],
    looks: Mapping[str, int],
) -> Iteration:
    """From a model and its seeds to a candidate, and a verdict on it against the champion.

    `start` is the champion too, unless the policy is the paper's; `looks`: `Ledger.looks`. A stage that
    leaves nothing to continue with ends the iteration: hold.
    """
    started, stages = time.monotonic(), Stages(runner, number, vetoed.vetoes, items, again)
    if items:
        stages.keep("benchmark items", items)
    candidate, verdict = _candidate_and_verdict(stages, start, champion, base, seeds, grown_from, looks)
    try:
        tracking.track(stages, verdict, str(Home.here().root / "trackers"))
    except (ChildFailed, ValueError) as error:  # nobody hears of an iteration that is done: no reason to lose it
        get_run_logger().warning("%s", error)
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
        vetoes=tuple(veto.row for veto in vetoed.vetoes),
        run=str(flow_run.get_id()),
        at=now(),
    )


def _candidate_and_verdict(
    stages: Stages,
    start: Ref,
    champion: Ref,
    base: Ref,
    seeds: Ref,
    grown_from: Sequence[Ref],
    looks: Mapping[str, int] = {},
) -> tuple[Ref | None, gate.Verdict]:
    branches = stages.recipe.branches
    reviewing.check_anchors(stages, seeds)
    before = evaluating.measure(stages, "champion", champion, seeds)  # first, while its engine is up
    reviewer = reviewing.meta_evaluate(stages, start, seeds) if branches else None
    if reviewer and start == champion:
        before["judge"] = reviewer
    pool = seeding.pool(stages, seeds, grown_from)
    rows, missing = _rows(stages, Sources(start, seeds, pool, grown_from, reviewer))
    if missing:
        return None, gate.held(missing)

    mixed = training.mix(stages, rows, grown_from, pool, seeds)
    if missing := stages.shortage(mixed):
        return None, gate.held(missing)
    trained = base if stages.recipe.train_from == "base" else start
    tuned = training.sft(stages, trained, mixed) if stages.recipe.trains_sft else trained
    if missing := stages.shortage(tuned):
        return None, gate.held(missing)
    candidate = (
        training.dpo(stages, tuned, mixed, start=trained, champion=start, base=base)
        if stages.recipe.trains_dpo
        else tuned
    )
    if missing := stages.shortage(candidate):
        return None, gate.held(missing)
    after = {"mix": mixed, "divergence": training.divergence(stages, candidate, base, seeds)}
    after |= evaluating.measure(stages, "candidate", candidate, seeds)
    if "judge" in before:
        as_reviewer = reviewing.meta_evaluate(stages, candidate, seeds, "candidate's anchors", "judge [candidate]")
        after |= {"judge": as_reviewer} if as_reviewer else {}
    return candidate, evaluating.decide(stages, before, after, looks)


def _rows(stages: Stages, given: Sources) -> tuple[list[Ref], list[str]]:
    """What the model wrote and a reviewer or a rule let pass, or what is missing."""
    rows: list[Ref] = []
    routes, rounds = None, list[writing.Round]()
    if stages.recipe.branches:
        seed_reviews = reviewing.review_seeds(stages, given.model, given.reviewer, given.pool)
        routes = annotating.split(stages, given.pool, seed_reviews)
        if missing := stages.shortage(routes):
            return [], missing
        rows.append(_reviewed(stages, given, seed_reviews, routes, rounds))
    if stages.recipe.verify.used:
        rows.append(_verified(stages, given, routes, rounds))
    missing = [what for ref in rows for what in stages.shortage(ref)]
    if missing and not _lack(stages, rows):
        get_run_logger().warning("of one source nothing is trained on: %s", "; ".join(missing))
        return rows, []
    return rows, missing


def _lack(stages: Stages, rows: Sequence[Ref]) -> bool:
    """Whether a training would have no row of this iteration's, from whatever source."""
    wanted = {"sft": stages.recipe.trains_sft, "pairs": stages.recipe.trains_dpo}
    counts = [stages.store.record(ref)["rows"] for ref in rows]
    return any(trains and not sum(there[table] for there in counts) for table, trains in wanted.items())


def _reviewed(stages: Stages, given: Sources, seed_reviews: Ref, routes: Ref, rounds: list[writing.Round]) -> Ref:
    """What the model, as the reviewer, kept, in as many rounds as the target takes; they are added to `rounds`."""
    reviews: list[Ref] = []
    wanted: Sequence[Branch] = stages.recipe.branches
    while True:
        written = writing.write_round(
            stages, given.model, routes=routes, pool=given.pool, seeds=given.seeds, branches=wanted, earlier=rounds
        )
        rounds.append(written)
        review = reviewing.review_written(stages, given.model, given.reviewer, written.responses, written.number)
        reviews.append(review)
        rows = annotating.annotate(
            stages, routes=routes, pool=given.pool, seed_reviews=seed_reviews, rounds=rounds, reviews=reviews
        )
        wanted = annotating.still_wanted(stages, rows)
        if not wanted:
            return rows


def _verified(stages: Stages, given: Sources, routes: Ref | None, rounds: Sequence[writing.Round]) -> Ref:
    """What rules let pass of many answers to questions that they can check; and what the reviewer thinks of some."""
    instructions = [round.clean["instructions"] for round in rounds if "instructions" in round.clean]
    found: list[annotating.Verified] = []
    for way in stages.recipe.verify.ways:
        questions = verifying.ask(stages, way, given.seeds, given.pool, routes, instructions, given.grown_from)
        asked = way != "hindsight"
        answers = writing.sample(stages, way, given.model, questions, given.pool, given.seeds) if asked else questions
        checked = verifying.check(stages, way, questions, answers)
        found.append(annotating.Verified(questions, answers, checked))
    sampled = [one for one in found if given.reviewer and one.answers != one.questions]
    if sampled and stages.recipe.verify.reviewed:
        reviewing.against_truth(stages, given.model, given.reviewer, sampled)
    guarded = sampled and stages.recipe.verify.guard
    reviews = reviewing.review_passing(stages, given.model, given.reviewer, sampled) if guarded else None
    return annotating.annotate_verified(stages, found, reviews)
