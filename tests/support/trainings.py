"""Trainings of the tiny model on a few rows, as a run has them done."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tasks.engines.processes import launch
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.job import Job
from tasks.engines.processes.platform import detect
from tasks.engines.processes.together import Together
from tasks.recipe.training import DpoConfig, SftConfig
from tasks.store.artifacts import Spec, Store
from tasks.store.examples import PreferencePair, TrainRow
from tasks.store.rows import Row, Seed
from tests.support.rows import review, seed, written

STEP_ROWS = 4
CONFIGS = {
    "sft": SftConfig(batch_rows=STEP_ROWS, epochs=2, learning_rate=0.003),
    "dpo": DpoConfig(batch_rows=STEP_ROWS, epochs=2, learning_rate=0.0003),
}


def rows(method: str) -> list[Row]:
    """Of different lengths, and not a whole number of steps."""
    if method == "sft":
        return [TrainRow.of(Seed(instruction=f"Count to {n}.", response="one two three " * n)) for n in range(1, 15)]
    return [_pair(n) for n in range(1, 15)]


def _pair(n: int) -> PreferencePair:
    of = seed(f"Count to {n}.")
    good, bad = written(of, "one two " * n), written(of, "three four " * (15 - n))
    return PreferencePair.of(good, review(good, 9), bad, review(bad, 2))


def job(folder: Path, model: Path, method: str, processes: int, **more: Any) -> Job:
    store = Store(folder / "store")
    of_rows = Spec(stage="mix", version=1)
    if store.find(of_rows) is None:
        with store.draft(of_rows) as draft:
            draft.table("rows", rows(method))
    given = {
        "method": method,
        "model": str(model),
        "rows": str(store.path(of_rows) / "rows.parquet"),
        "config": CONFIGS[method].model_dump(mode="json"),
        "reference": "",
        "device_rows": STEP_ROWS,
        "save_steps": 1,
        "seed": 1,
        "processes": processes,
        "dtype": "float32",
    }
    spec = Spec(stage=method, version=1, config={"processes": processes})
    return Job(store=store.root, spec=spec, work=folder / f"work-{processes}", given=given | more)


def train(asked: Job, on_progress: launch.Said = lambda _: None, together: Sequence[Together] = ()) -> dict[str, Any]:
    """The artifact's record. Of several machines together each has a work folder and a device of its own."""
    with ThreadPoolExecutor(max(1, len(together))) as machines:
        list(machines.map(partial(train_one, asked, on_progress), together or [None]))
    return record(asked)


def train_one(asked: Job, on_progress: launch.Said, member: Together | None) -> None:
    """The part of one machine."""
    here, number = detect(), member.number if member else 0
    own = asked.model_copy(update={"work": asked.work.with_name(f"{asked.work.name}-{number}")}) if number else asked
    locks = [lock.with_name(f"{lock.name}-{number}") if number else lock for lock in here.locks]
    with DeviceLock(locks) as device:
        launch.train("tasks.train.jobs.trl", own, on_progress, here, device, deadline_s=None, together=member)


def record(asked: Job) -> dict[str, Any]:
    store = Store(asked.store)
    found = store.find(asked.spec)
    assert found
    return store.record(found)
