"""Two processes train one model, each on its share of a step's rows, as one does, and one of them may be killed."""

import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.engines.processes import launch
from tasks.engines.processes.child import ChildFailed
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.job import Job
from tasks.engines.processes.platform import detect
from tasks.recipe.training import DpoConfig, SftConfig
from tasks.store.artifacts import Spec, Store
from tasks.store.examples import PreferencePair, TrainRow
from tasks.store.rows import Row, Seed
from tests.support.processes import command_line, wait_until
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


def train(asked: Job, on_progress: launch.Said = lambda _: None) -> dict[str, Any]:
    """The artifact's record."""
    here, store = detect(), Store(asked.store)
    with DeviceLock(here.locks) as device:
        launch.train("tasks.train.jobs.trl", asked, on_progress, here, device, deadline_s=None)
    found = store.find(asked.spec)
    assert found
    return store.record(found)


@pytest.mark.parametrize("method", CONFIGS)
def test_losses_are_those_of_one_process(tiny_model: Path, tmp_path: Path, method: str) -> None:
    alone, together = (train(job(tmp_path, tiny_model, method, processes)) for processes in (1, 2))
    print([entry["loss"] for entry in alone["curve"]], [entry["loss"] for entry in together["curve"]])
    for step, (one, both) in enumerate(zip(alone["curve"], together["curve"], strict=True)):
        assert both["loss"] == pytest.approx(one["loss"], rel=1e-4), step
    for when in ("before", "after"):  # means over batches, which are others
        assert together["loss"][when] == pytest.approx(alone["loss"][when], rel=1e-2)
    assert together["moved"] == pytest.approx(alone["moved"], rel=1e-3)


def test_attention_and_checkpointing_change_no_loss(tiny_model: Path, tmp_path: Path) -> None:
    shipped, other = (
        train(job(tmp_path / str(number), tiny_model, "sft", 1, **how))
        for number, how in enumerate(({}, {"attention": "sdpa", "checkpointing": "always"}))
    )
    assert (shipped["attention"], shipped["recomputed"]) == ("eager", False)
    assert (other["attention"], other["recomputed"]) == ("sdpa", True)
    assert _losses(other) == pytest.approx(_losses(shipped), rel=1e-4)


def _losses(record: dict[str, Any]) -> list[float]:
    return [entry["loss"] for entry in record["curve"]]


def test_flash_attention_is_refused_where_there_is_none(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a GPU and the package flash-attn"):
        train(job(tmp_path, tiny_model, "sft", 1, attention="flash_attention_2"))


def test_one_of_them_killed_ends_the_other_and_a_retry_goes_on_from_the_checkpoint(
    tiny_model: Path, tmp_path: Path
) -> None:
    asked = job(tmp_path, tiny_model, "sft", 2, config=CONFIGS["sft"].model_dump(mode="json") | {"epochs": 30})

    def computing() -> list[psutil.Process]:
        mine = [one for one in psutil.process_iter() if str(asked.file) in command_line(one)]
        return [one for one in mine if "torch.distributed" not in command_line(one) and "-P" not in one.cmdline()]

    def kill(said: dict[str, Any]) -> None:
        if said["what"] == "training" and said["done"] == 3:
            computing()[-1].send_signal(signal.SIGKILL)

    with pytest.raises(ChildFailed) as failed:
        train(asked, kill)
    assert failed.value.retryable
    wait_until(lambda: not computing(), 10, "nobody computes any more")
    first: list[int] = []
    record = train(asked, lambda said: first.append(said["done"]) if said["what"] == "training" else None)
    assert first[0] > 1, "it began anew"
    steps = [entry["step"] for entry in record["curve"]]
    assert steps == list(range(1, len(steps) + 1))
