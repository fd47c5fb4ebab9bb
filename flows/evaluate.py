"""What one model does on held-out seeds and benchmarks, by itself."""

from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.running import running
from tasks import champion as champions
from tasks import ledger as ledgers
from tasks import recipes
from tasks.artifacts import Ref
from tasks.backends import models
from tasks.home import Home
from tasks.intake import take_in_seeds
from tasks.reached import Reached, reached
from tasks.runner import Runner
from tasks.steps import benchmarking, measuring
from tasks.steps.base import Stages

CHAMPION = "champion:"


def _called() -> str:
    return f"evaluate {flow_run.parameters['model']}"


POOL: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)


@flow(name="evaluate", flow_run_name=_called, persist_result=False, task_runner=POOL)  # type: ignore[arg-type]
def evaluate(
    model: Annotated[str, Field(min_length=1)],
    recipe: Annotated[str, Field(min_length=1)] = "demo",
    settings: list[str] = [],  # noqa: B006  # read by the server for its form, and changed by nobody
) -> list[Reached]:
    """Measure one model. What was measured before is not asked again.

    Args:
        model: A folder with safetensors, a hub name, or champion:NAME for the champion of an evolution.
        recipe: The recipe whose held-out seeds and benchmarks it is measured on.
        settings: Values of the recipe, each as KEY=VALUE, such as evaluate.benchmarks=[{task: choices}].
    """
    chosen, home = recipes.asked_for(recipe, settings=settings), Home.here()
    with running(chosen, home) as runner:
        measured = _model(model, runner, home)
        items = benchmarking.items(Stages(runner, 0))
        stages = Stages(runner, 0, items=items)
        found = measuring.measure(stages, model, measured, take_in_seeds(runner))
        figures = reached(measuring.evidence(stages, found))
    columns = ("axis", "value", "95% interval", "documents")
    table = [dict(zip(columns, one.shown, strict=True)) for one in figures]
    create_table_artifact(table, key="evaluation", description=f"{model} on what {chosen.name} measures")
    return figures


def _model(given: str, runner: Runner, home: Home) -> Ref:
    """Raises ValueError for an evolution that there is not."""
    if not given.startswith(CHAMPION):
        with runner.progress.bar(f"model {given}") as bar:
            return models.starting_model(given, runner.store, home.work, bar.hear)
    name = given.removeprefix(CHAMPION)
    ledger = ledgers.read(home.ledger(name))
    if ledger is None:
        raise ValueError(f"no evolution {name!r} in {home.root}; there is: {', '.join(home.evolutions) or 'none'}")
    return champions.history(ledger)[-1].model
