"""An evolution: iterations from champion to champion, until it has as many as were asked for."""

from collections.abc import Sequence
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows import approval
from flows.iterate import Vetoed, iterate
from flows.report.prefect_ui import publish_results
from flows.resources import run_resources
from tasks.engines import models
from tasks.engines.processes.platform import visible_gpus
from tasks.evaluate.benchmarks import steps as benchmarking
from tasks.evolution import champion as champions
from tasks.evolution import ledger as ledgers
from tasks.evolution.ledger import Iteration, Ledger
from tasks.evolution.lock import Busy, only_one_run
from tasks.execution.runner import PrefectRunner
from tasks.execution.stage import Stages
from tasks.recipe import recipe as recipes
from tasks.recipe.recipe import NAME, Recipe
from tasks.seeds import steps as seeding
from tasks.store import vetoes
from tasks.store.artifacts import Ref, Store
from tasks.store.home import Home
from tasks.store.vetoes import Veto
from tasks.train.steps import teach


def _called() -> str:
    given = flow_run.parameters
    return f"evolve {given['name'] or given['recipe']}"


@flow(name="evolve", flow_run_name=_called, persist_result=False)
def evolve(
    recipe: Annotated[str, Field(min_length=1)] = "demo",
    name: Annotated[str, Field(pattern=f"^$|{NAME}")] = "",
    seeds: str = "",
    model: str = "",
    iterations: Annotated[int, Field(ge=0, le=1000)] = 0,
    settings: list[str] = [],  # noqa: B006  # read by the server for its form, and changed by nobody
    go_on: bool = False,
    approve: bool = False,
    from_stage: str = "",
) -> Ledger | State[Any]:
    """Evolve a model: review, split, write, clean, review, annotate, SFT, DPO, evaluate, gate; and again.

    An iteration that is in the ledger is walked through again: every stage is found in the store, or recomputed if
    its artifact is missing or altered, and then what followed from it too.

    Args:
        recipe: A recipe's name (deployments/recipes/NAME.yaml) or path.
        name: The evolution's name; empty: the recipe's.
        seeds: A file or folder (JSONL, JSON, CSV, Parquet) or a dataset; empty: the recipe's.
        model: The starting model, a folder with safetensors or a hub name; empty: the recipe's.
        iterations: How many iterations it shall have; 0: as many as the recipe says.
        settings: Values of the recipe, each as KEY=VALUE.
        go_on: Add that many iterations to those it has, from the champion.
        approve: Wait for a person's approval before a better model is promoted; nothing is held meanwhile.
        from_stage: Make this stage of the last iteration again, and what follows from what comes of it.
    """
    if go_on and from_stage:
        raise ValueError("go_on and from_stage: expected only one of the two")
    chosen = recipes.asked_for(recipe, name=name, seeds=seeds, model=model, iterations=iterations, settings=settings)
    try:
        return Evolution(chosen, Home.here(), approve).run(go_on, from_stage)
    except Busy as error:
        if not deployment.id:
            raise
        return Cancelled(name="SteppedBack", message=str(error))


class Evolution:
    def __init__(self, recipe: Recipe, home: Home, approve: bool):
        self.recipe, self.home, self.approve = recipe, home, approve
        self.document = home.ledger(recipe.name)

    def run(self, go_on: bool, from_stage: str) -> Ledger:
        """The ledger, once it has all iterations; raises Busy while another run has the evolution."""
        recipe, home = self.recipe, self.home
        own = str(flow_run.get_id())
        lost = get_run_logger().warning
        with only_one_run(home, recipe.name, own, lost), run_resources(recipe, home) as runner:
            approval.check_nobody_else_waits(home, recipe.name)
            ledger = ledgers.read(self.document) or Ledger(name=recipe.name, model=recipe.model)
            if from_stage:
                if len(ledger.iterations) != recipe.iterations:  # another run may have added some since
                    raise ValueError(
                        f"from_stage={from_stage}: evolution {recipe.name!r} has {len(ledger.iterations)} iterations, "
                        f"and {recipe.iterations} are asked for: expected the same number: the last one is redone"
                    )
                ledger = ledger.from_stage(from_stage, own)
                ledger.save(self.document)
            with runner.progress.bar(f"model {recipe.model}") as bar:
                base = models.starting_model(recipe.model, runner.store, home.work, bar.hear)
            seeds, vetoed = seeding.take_in_seeds(Stages(runner, 0), base), vetoes.read(home.vetoes(recipe.name))
            number, last = 1, recipe.iterations
            if go_on and ledger.iterations:
                _check_what_it_goes_on_from(ledger, recipe, runner.store, vetoed)
                number, last = len(ledger.iterations) + 1, ledger.goal_of(recipe.iterations)
                ledger = ledger.model_copy(update={"goal": last})
                ledger.save(self.document)
            items = benchmarking.items(Stages(runner, 0, vetoed))
            of_m_0 = Stages(runner, 0, vetoed, items)
            # Of the first iteration's seeds: rows that join later must not make another M_0, and everything with it.
            of_first = _seeds_of(ledger, 1, recipe, runner.store, seeds, walked_again=number == 1)
            base = teach(of_m_0, base, seeding.pool(of_m_0, of_first, []))
            taught = of_m_0.made if recipe.teach.skill_rows else {}
            ledger = ledger.model_copy(update={"base": base, "model": recipe.model, "teaching": taught})
            while number <= last:
                one = self._iterate(runner, ledger, number, base, seeds, vetoed, items)
                ledger = ledger.with_looks(runner.store, one)
                said = ledger.said_of(one)
                if one.verdict.decision == "promote" and (said or self.approve):
                    if not said:
                        runner.devices.rest()
                        ledger.save(self.document)  # a first iteration is looked up by it while a person decides
                        said = approval.ask(home, ledger.put(one), one)
                    if not said:
                        vetoed = vetoes.read(home.vetoes(recipe.name))
                        continue
                    one = one.decided(said)
                ledger = ledger.put(one)
                champions.keep(home, ledger, self.document)
                _report(home, ledger, number)
                if _patience_is_at_its_end(ledger, number, recipe):
                    break
                number += 1
        _say_who_keeps_what_was_vetoed(ledger, last, vetoed)
        return ledger

    def _iterate(
        self,
        runner: PrefectRunner,
        ledger: Ledger,
        number: int,
        base: Ref,
        seeds: Ref,
        vetoed: list[Veto],
        items: Ref | None,
    ) -> Iteration:
        recipe = self.recipe
        champion = ledger.champion_behind(number - 1) or base
        start = ledger.start_of(number, recipe.gate) or base
        grown_from = _rows_in_the_pool(ledger, number - 1, recipe)
        of_its_own = _seeds_of(ledger, number, recipe, runner.store, seeds)
        at_once = recipe.engine.shards_together(len(visible_gpus()))
        threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=at_once)
        iteration = iterate.with_options(task_runner=threads)  # type: ignore[arg-type]  # its own futures do not fit
        again, told = ledger.made_again(number), Vetoed(vetoes=tuple(vetoed))
        looks = ledger.with_looks(runner.store).looks
        return iteration(runner, number, start, champion, base, of_its_own, grown_from, told, items, again, looks)


def _report(home: Home, ledger: Ledger, number: int) -> None:
    """The report, and where results are looked at. What it cannot show must not cost a run that is done."""
    from flows.report import html  # matplotlib: two seconds that a run without an iteration does not need

    file = home.evolution(ledger.name) / "report.html"
    try:
        html.write(home, ledger, number, file)
    except Exception:
        get_run_logger().exception("the report on %s could not be written", ledger.name)
        return
    publish_results(ledger.name, number, file)


def _say_who_keeps_what_was_vetoed(ledger: Ledger, last: int, vetoed: Sequence[Veto]) -> None:
    rows = {veto.row for veto in vetoed}
    if late := [str(one.number) for one in ledger.iterations[last:] if set(one.vetoes) != rows]:
        get_run_logger().warning(
            "rows were vetoed since iteration %s was made; --iterations %d makes anew what followed from them",
            " and ".join(late),
            len(ledger.iterations),
        )


def _patience_is_at_its_end(ledger: Ledger, number: int, recipe: Recipe) -> bool:
    gate, count = recipe.gate, ledger.without_promotion(number)
    if not gate.patience or gate.then != "stop" or count < gate.patience:
        return False
    get_run_logger().warning("%d iterations in a row without a promotion (gate.patience): stopping", count)
    return True


def _rows_in_the_pool(ledger: Ledger, iterations: int, recipe: Recipe) -> list[Ref]:
    """The annotated rows of the first so many: those of a held one if the recipe keeps them, of a bad one never."""
    kept = ("promote", "hold") if recipe.keep_rows_of_held_iterations else ("promote",)
    return [
        ref
        for one in ledger.iterations[:iterations]
        if one.verdict.decision in kept and one.number not in ledger.taken_back(iterations)
        for ref in one.annotated
    ]


def _seeds_of(ledger: Ledger, number: int, recipe: Recipe, store: Store, now: Ref, walked_again: bool = True) -> Ref:
    """An iteration keeps the seeds it was made with where others were added: those join at the next one.

    Where seeds were changed or taken out, one that is walked again is made anew.
    """
    if number > len(ledger.iterations):
        return now
    then, asked = ledger.iterations[number - 1], recipe.model_dump(mode="json")
    if any(then.recipe.get(key) != asked[key] for key in ("seeds", "held_out", "reading")):
        return now
    if then.seeds.digest == now.digest or not store.find(then.seeds):
        return now
    if walked_again and not seeding.only_added(store, then.seeds, now):
        get_run_logger().info("seeds were changed or taken out since iteration %d: what they made is made anew", number)
        return now
    get_run_logger().info("seeds were added since iteration %d; they join at the next one", number)
    return then.seeds


def _check_what_it_goes_on_from(ledger: Ledger, recipe: Recipe, store: Store, vetoed: Sequence[Veto]) -> None:
    """Raise ValueError unless the next iteration can build on the last one as it was written."""
    if ledger.model != recipe.model:
        raise ValueError(
            f"evolution {ledger.name!r} began with {ledger.model}, not {recipe.model}: give another --name for that"
        )
    again = f"run it without --continue and with --iterations {len(ledger.iterations)}"
    if {veto.row for veto in vetoed} != set(ledger.iterations[-1].vetoes):
        raise ValueError(
            f"rows of evolution {ledger.name!r} were vetoed since its last iteration: {again} to recompute what "
            "depends on them"
        )
    needed = {"the champion": ledger.champion}
    needed |= {f"iteration {one.number}'s rows": ref for one in ledger.iterations for ref in one.annotated}
    lost = [what for what, ref in needed.items() if ref is not None and store.find(ref) is None]
    if lost:
        raise ValueError(
            f"evolution {ledger.name!r} cannot continue: missing or altered in the store: {', '.join(lost)}; "
            f"{again} to recompute them"
        )
