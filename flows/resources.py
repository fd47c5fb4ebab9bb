"""The resources of a run: store, devices, progress, budget."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from prefect import get_run_logger
from prefect.runtime import flow_run

from flows.cancellation import ends_when_cancelled
from flows.plan.estimate import BYTES
from flows.plan.memory import memory_gib
from flows.plan.model_shape import shape_of
from tasks.engines.lifecycle import Engines
from tasks.engines.processes import platform
from tasks.engines.processes.progress import Progress
from tasks.engines.shards import Shards
from tasks.evolution.lock import left_alone, quiet
from tasks.execution.budget import Budget
from tasks.execution.local import LocalDevices
from tasks.execution.remote import RemoteDevices
from tasks.execution.runner import PrefectRunner
from tasks.recipe.recipe import Recipe
from tasks.store.artifacts import Store
from tasks.store.home import Home

# Of an engine's processes, which took 5 GiB with a tiny model and a cache of 2 GiB, and of a trainer, by estimate.
LIBRARIES_GIB = 6.0
CACHE = "LANCE_CACHE_GIB"  # at most so much is kept here of what an object store has, too


@contextlib.contextmanager
def run_resources(recipe: Recipe, home: Home) -> Iterator[PrefectRunner]:
    """Devices belong to the run and end with it, whatever ends it."""
    progress, store = Progress(), Store.of(home)
    shards = Shards(store, home)
    make_room(home, store)
    with left_alone(home), progress.showing(), ends_when_cancelled():
        dtype, devices = _devices(recipe, home, shards, progress)
        try:
            yield PrefectRunner(
                recipe=recipe, store=store, work=home.work, dtype=dtype, devices=devices, progress=progress
            )
        finally:
            devices.close()


def make_room(home: Home, store: Store) -> None:
    """Have the store keep to LANCE_CACHE_GIB: what is in the object store can be had again. Champions stay.

    Raises ValueError for a limit that is no number.
    """
    given = os.environ.get(CACHE)
    if store.bucket is None or not given:
        return
    try:
        most_gib = float(given)
    except ValueError:
        raise ValueError(f"{CACHE}={given}: expected a number of GiB") from None
    files = home.root.glob("evolutions/*/champion.json")
    champions = {Path(json.loads(file.read_text(encoding="utf-8"))["path"]) for file in files}
    with quiet(home) as nobody:
        if nobody and (gone := store.bucket.evict(home.store, most_gib, champions)):
            get_run_logger().info("%d artifacts are in the object store alone now (%s=%s)", gone, CACHE, given)


def _devices(
    recipe: Recipe, home: Home, shards: Shards, progress: Progress
) -> tuple[str, LocalDevices | RemoteDevices]:
    """With the dtype that they serve models in."""
    budget, wanted = Budget(recipe.budget), recipe.engine.dtype
    if recipe.execution.fan_out == "deployments":
        of_run = str(flow_run.get_id())
        return wanted, RemoteDevices(
            shards=shards,
            engine=recipe.engine,
            execution=recipe.execution,
            progress=progress,
            budget=budget,
            run=of_run,
        )
    device = platform.detect()
    engines = Engines(shards.store, recipe.engine, device, home.logs, progress)
    devices = LocalDevices(
        shards=shards,
        platform=device,
        engines=engines,
        progress=progress,
        budget=budget,
        engine_stays=_both_fit(recipe, device),
    )
    return device.dtype(wanted), devices


def _both_fit(recipe: Recipe, device: platform.Platform) -> bool:
    """Whether an engine can stay while something is trained: by the plan's figures, and on a GPU by giving its own up.

    A model whose shape cannot be known beforehand gets the machine for itself.
    """
    if device.name == "cuda":
        return True
    try:
        served_bytes = BYTES[device.dtype(recipe.engine.dtype)]
        needed = memory_gib(recipe, shape_of(recipe.model), served_bytes, cuda=False)
    except ValueError:
        return False
    cache_gib = recipe.engine.kv_cache_gib  # what an engine on a CPU takes, whatever all requests would need
    both_gib = sum(gib for part, gib in needed.items() if "cache" not in part) + cache_gib + LIBRARIES_GIB
    return both_gib < platform.memory_bytes() / 2**30
