"""What a run works with: store, devices, progress, budget."""

import contextlib
from collections.abc import Iterator

from prefect.runtime import flow_run

from flows.heeding import heeding
from tasks import garbage
from tasks.artifacts import Store
from tasks.backends import platform
from tasks.backends.engines import Engines
from tasks.budget import Budget
from tasks.elsewhere import Elsewhere
from tasks.here import Here
from tasks.home import Home
from tasks.progress import Progress
from tasks.recipes import Recipe
from tasks.runner import Runner
from tasks.shards import Shards


@contextlib.contextmanager
def running(recipe: Recipe, home: Home) -> Iterator[Runner]:
    """Devices belong to the run and end with it, whatever ends it."""
    progress, store = Progress(), Store(home.store)
    shards = Shards(store, home.work)
    with garbage.left_alone(home), progress.showing(), heeding():
        dtype, devices = _devices(recipe, home, shards, progress)
        try:
            yield Runner(recipe=recipe, store=store, work=home.work, dtype=dtype, devices=devices, progress=progress)
        finally:
            devices.close()


def _devices(recipe: Recipe, home: Home, shards: Shards, progress: Progress) -> tuple[str, Here | Elsewhere]:
    """With the dtype that they serve models in."""
    budget, wanted = Budget(recipe.budget), recipe.engine.dtype
    if recipe.execution.fan_out == "deployments":
        of_run = str(flow_run.get_id())
        return wanted, Elsewhere(
            shards=shards,
            engine=recipe.engine,
            execution=recipe.execution,
            progress=progress,
            budget=budget,
            run=of_run,
        )
    device = platform.detect()
    engines = Engines(shards.store, recipe.engine, device, home.logs, progress)
    here = Here(shards=shards, platform=device, engines=engines, progress=progress, budget=budget)
    return device.dtype(wanted), here
