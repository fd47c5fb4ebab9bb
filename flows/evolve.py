"""An evolution: iterations from champion to champion, until it has as many as were asked for."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from prefect import flow, get_run_logger
from prefect.task_runners import ThreadPoolTaskRunner

from flows.iterate import iterate
from flows.pictures import publish_report
from tasks import champion as champions
from tasks import ledger as ledgers
from tasks import vetoes
from tasks.artifacts import Ref, Store
from tasks.backends import models, platform
from tasks.backends.engines import Engines
from tasks.budget import Budget
from tasks.home import Home
from tasks.intake import take_in_seeds
from tasks.ledger import Ledger
from tasks.progress import Progress
from tasks.recipes import Recipe
from tasks.runner import Runner
from tasks.steps import annotating, benchmarking
from tasks.steps.base import Stages
from tasks.steps.training import teach
from tasks.vetoes import Veto


@flow(name="evolve", flow_run_name="evolve {name}", persist_result=False)
def evolve(name: str, recipe: Recipe, go_on: bool = False) -> Ledger:
    """The ledger of evolution `name` once it has `recipe.iterations` iterations, or that many more if it goes on.

    An iteration that stands in the ledger is walked through again: every stage is found in the store, or made again if
    its artifact is missing or altered, and then what followed from it too. `go_on` starts behind the last one instead.
    """
    home = Home.here()
    with ledgers.only_one_run(home.evolution(name)), _runner(recipe, home) as runner:
        path = home.ledger(name)
        ledger = ledgers.read(path) or Ledger(name=name, model=recipe.model)
        with runner.progress.bar(f"model {recipe.model}") as bar:
            base = models.starting_model(recipe.model, runner.store, home.work, lambda what: bar.to(0, note=what))
        seeds, vetoed = take_in_seeds(runner), vetoes.read(home.vetoes(name))
        first, last = 1, recipe.iterations
        if go_on and ledger.iterations:
            _check_what_it_goes_on_from(ledger, recipe, runner.store, vetoed)
            first, last = len(ledger.iterations) + 1, ledger.goal_of(recipe.iterations)
            ledger = ledger.model_copy(update={"goal": last})
            ledger.save(path)
        items = benchmarking.items(Stages(runner, 0, vetoed))
        of_m_0 = Stages(runner, 0, vetoed, items)
        # Of the first iteration's seeds: rows that join later must not make another M_0, and all iterations with it.
        base = teach(of_m_0, base, annotating.pool(of_m_0, _seeds_of(ledger, 1, recipe, runner.store, seeds), []))
        taught = of_m_0.made if recipe.teach.skill_rows else {}
        ledger = ledger.model_copy(update={"base": base, "model": recipe.model, "teaching": taught})
        for number in range(first, last + 1):
            champion = ledger.champion_behind(number - 1) or base
            start = ledger.start_of(number, recipe.gate) or base
            grown_from = _rows_in_the_pool(ledger, number - 1, recipe)
            of_its_own = _seeds_of(ledger, number, recipe, runner.store, seeds)
            pool: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=recipe.engine.shards_at_once)
            one = iterate.with_options(task_runner=pool)  # type: ignore[arg-type]  # its own futures do not fit
            ledger = ledger.put(one(runner, number, start, champion, base, of_its_own, grown_from, vetoed, items))
            champions.keep(home, ledger)
            _report(home, ledger, number)
            if _patience_is_at_its_end(ledger, number, recipe):
                break
    return ledger


@contextlib.contextmanager
def _runner(recipe: Recipe, home: Home) -> Iterator[Runner]:
    """What the run works with. The engine belongs to it and ends with it, whatever ends it."""
    progress, device, store = Progress(), platform.detect(), Store(home.store)
    with progress.showing():
        engines = Engines(store, recipe.engine, device, home.logs, progress)
        try:
            yield Runner(
                recipe=recipe,
                store=store,
                work=home.work,
                platform=device,
                engines=engines,
                progress=progress,
                budget=Budget(recipe.budget),
            )
        finally:
            engines.close()


def _report(home: Home, ledger: Ledger, number: int) -> None:
    """The report, and where it lies. What it cannot show must not cost a run that is done."""
    from flows import report  # matplotlib: two seconds that a run without an iteration does not need

    file = home.evolution(ledger.name) / "report.html"
    try:
        report.write(home, ledger, number, file)
    except Exception:
        get_run_logger().exception("the report on %s could not be written", ledger.name)
        return
    publish_report(file, number)


def _patience_is_at_its_end(ledger: Ledger, number: int, recipe: Recipe) -> bool:
    gate, count = recipe.gate, ledger.without_promotion(number)
    if not gate.patience or gate.then != "stop" or count < gate.patience:
        return False
    get_run_logger().warning("%d iterations in a row promoted nothing (gate.patience): it ends here", count)
    return True


def _rows_in_the_pool(ledger: Ledger, iterations: int, recipe: Recipe) -> list[Ref]:
    """The annotated rows of the first so many: those of a held one if the recipe keeps them, of a bad one never."""
    kept = ("promote", "hold") if recipe.keep_rows_of_held_iterations else ("promote",)
    return [
        one.stages["annotate"]
        for one in ledger.iterations[:iterations]
        if "annotate" in one.stages and one.verdict.decision in kept and one.number not in ledger.taken_back(iterations)
    ]


def _seeds_of(ledger: Ledger, number: int, recipe: Recipe, store: Store, now: Ref) -> Ref:
    """An iteration keeps the seeds it was made with; rows that are new in the folder join at the next one."""
    if number > len(ledger.iterations):
        return now
    then, asked = ledger.iterations[number - 1], recipe.model_dump(mode="json")
    if any(then.recipe.get(key) != asked[key] for key in ("seeds", "held_out", "reading")):
        return now
    if then.seeds != now and store.find(then.seeds):
        get_run_logger().info("the seeds have changed since iteration %d; new rows join at the next one", number)
        return then.seeds
    return now


def _check_what_it_goes_on_from(ledger: Ledger, recipe: Recipe, store: Store, vetoed: Sequence[Veto]) -> None:
    """Raise ValueError unless the next iteration can build on the last one as it was written."""
    if ledger.model != recipe.model:
        raise ValueError(
            f"evolution {ledger.name!r} began with {ledger.model}, not {recipe.model}: give another --name for that"
        )
    again = f"run it without --continue and with --iterations {len(ledger.iterations)}"
    if {veto.row for veto in vetoed} != set(ledger.iterations[-1].vetoes):
        raise ValueError(f"rows of evolution {ledger.name!r} were vetoed since: {again} to make what follows from them")
    needed = {"the champion": ledger.champion}
    needed |= {f"iteration {one.number}'s rows": one.stages.get("annotate") for one in ledger.iterations}
    lost = [what for what, ref in needed.items() if ref is not None and store.find(ref) is None]
    if lost:
        raise ValueError(
            f"evolution {ledger.name!r} cannot go on: missing or altered in the store: {', '.join(lost)}; "
            f"{again} to make them again"
        )
