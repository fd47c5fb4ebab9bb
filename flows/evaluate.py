"""What one model does on held-out seeds and benchmarks, by itself."""

from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.resources import run_resources
from tasks.engines import models
from tasks.evaluate import steps as evaluating
from tasks.evaluate.benchmarks import steps as benchmarking
from tasks.evaluate.results import Result, results
from tasks.evolution import champion as champions
from tasks.evolution import lookup
from tasks.execution.runner import PrefectRunner
from tasks.execution.stage import Stages
from tasks.recipe import recipe as recipes
from tasks.seeds import steps as seeding
from tasks.store.artifacts import Ref
from tasks.store.home import Home

CHAMPION = "champion:"


def _called() -> str:
    return f"evaluate {flow_run.parameters['model']}"


POOL: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)


@flow(name="evaluate", flow_run_name=_called, persist_result=False, task_runner=POOL)  # type: ignore[arg-type]
def evaluate(
    model: Annotated[str, Field(min_length=1)],
    recipe: Annotated[str, Field(min_length=1)] = "demo",
    settings: list[str] = [],  # noqa: B006  # read by the server for its form, and changed by nobody
) -> list[Result]:
    """Measure one model. What was measured before is not asked again.

    Args:
        model: A folder with safetensors, a hub name, or champion:NAME for the champion of an evolution.
        recipe: The recipe whose held-out seeds and benchmarks it is measured on.
        settings: Values of the recipe, each as KEY=VALUE, such as evaluate.benchmarks=[{task: choices}].
    """
    chosen, home = recipes.asked_for(recipe, settings=settings), Home.here()
    with run_resources(chosen, home) as runner:
        measured = _model(model, runner, home)
        items = benchmarking.items(Stages(runner, 0))
        stages = Stages(runner, 0, items=items)
        found = evaluating.measure(stages, model, measured, seeding.take_in_seeds(Stages(runner, 0), measured))
        figures = results(evaluating.evidence(stages, found))
    columns = ("axis", "value", "95% interval", "documents")
    table = [dict(zip(columns, one.shown, strict=True)) for one in figures]
    create_table_artifact(table, key="evaluation", description=f"{model} on what {chosen.name} measures")
    return figures


def _model(given: str, runner: PrefectRunner, home: Home) -> Ref:
    """Raises ValueError for an evolution that there is not."""
    if not given.startswith(CHAMPION):
        with runner.progress.bar(f"model {given}") as bar:
            return models.starting_model(given, runner.store, home.work, bar.hear)
    return champions.history(lookup.ledger(home, given.removeprefix(CHAMPION)))[-1].model
