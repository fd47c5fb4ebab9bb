"""The same training in several ways: by two processes, with other kernels, from an adapter, and one of two killed."""

import json
import math
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import psutil
import pytest

from tasks.engines.processes.child import ChildFailed
from tasks.engines.processes.ports import free_port
from tasks.engines.processes.together import Together
from tasks.execution.meeting import train_together
from tasks.execution.orders import TrainingOrder
from tasks.store.artifacts import Store
from tasks.store.home import Home
from tests.support.processes import command_line, wait_until
from tests.support.trainings import CONFIGS, job, record, train, train_one


@dataclass(frozen=True)
class Alone:
    """SFT by one process, with what is shipped."""

    model: Path
    record: dict[str, Any]


@pytest.fixture(scope="module")
def alone(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    asked = job(tmp_path_factory.mktemp("alone"), tiny_model, "sft", 1)
    record = train(asked)
    return Alone(Store(asked.store).path(asked.spec), record)


def check_same(record: dict[str, Any], other: dict[str, Any]) -> None:
    for step, (one, both) in enumerate(zip(record["curve"], other["curve"], strict=True)):
        assert both["loss"] == pytest.approx(one["loss"], rel=1e-4), step
    for when in ("before", "after"):  # means over batches, which are others
        assert other["loss"][when] == pytest.approx(record["loss"][when], rel=1e-2)
    assert other["moved"] == pytest.approx(record["moved"], rel=1e-3)


def test_sft_by_two_processes_is_that_by_one(alone: Alone, tiny_model: Path, tmp_path: Path) -> None:
    check_same(alone.record, train(job(tmp_path, tiny_model, "sft", 2)))


def test_dpo_by_two_processes_and_from_an_adapter_is_that_by_one_from_the_merged_model(
    alone: Alone, tiny_model: Path, tmp_path: Path
) -> None:
    sft = job(tmp_path / "sft", tiny_model, "sft", 1, whole=False)
    learned, kept = train(sft), Store(sft.store).path(sft.spec)
    assert learned["loss"]["after"] == pytest.approx(alone.record["loss"]["after"], rel=1e-6)
    assert learned["loss"]["after"] < 0.99 * learned["loss"]["before"], "DPO would do the same without the adapter"
    assert (alone.model / "model.safetensors").exists() and not (kept / "model.safetensors").exists()
    assert str(tiny_model) not in json.dumps(json.loads((kept / "adapter_config.json").read_text()))

    from_model = train(job(tmp_path / "model", alone.model, "dpo", 1))
    check_same(from_model, train(asked := job(tmp_path / "adapter", tiny_model, "dpo", 2, adapter=str(kept))))
    found = Store(asked.store).path(asked.spec)
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= {file.name for file in found.iterdir()}
    assert not asked.work.exists(), "the model that it began from is left behind"


def two_machines() -> list[Together]:
    address = f"127.0.0.1:{free_port()}"
    return [Together(2, number, address) for number in range(2)]


def test_by_two_machines_it_is_that_by_one(alone: Alone, tiny_model: Path, tmp_path: Path) -> None:
    """Without a folder in common: each has its own rows, checkpoints and adapter merged into the model."""
    check_same(alone.record, train(job(tmp_path / "sft", tiny_model, "sft", 1), together=two_machines()))
    sft = job(tmp_path / "adapter", tiny_model, "sft", 1, whole=False)
    train(sft)
    config = CONFIGS["dpo"].model_dump(mode="json") | {"learning_rate": 0.003}
    own = {"adapter": str(Store(sft.store).path(sft.spec)), "config": config}
    one = train(job(tmp_path / "one", tiny_model, "dpo", 1, **own))
    two = train(job(tmp_path / "two", tiny_model, "dpo", 1, **own), together=two_machines())
    check_same(one, two)
    assert two["loss"]["after"] == pytest.approx(one["loss"]["after"], abs=2e-3), "not by a reference that learned, too"
    assert abs(one["loss"]["after"] - math.log(2)) > 0.01


@dataclass(frozen=True)
class Meeting:
    """A training by two machines, whose first one left an address and is gone."""

    order: TrainingOrder
    home: Home

    @classmethod
    def left(cls, folder: Path, model: Path) -> Self:
        asked, home = job(folder, model, "sft", 1), Home(folder / "home")
        order = TrainingOrder(
            module="tasks.train.jobs.trl", label="sft", job=asked, deadline_s=None, home=folder, machines=2
        )
        home.document("order.json").write(order.model_dump_json())
        home.document(order.meeting, copied=False).write(f"127.0.0.1:{free_port()}")
        return cls(order, home)

    def join(self, number: int) -> None:
        asked = self.order.job
        by = partial(train_one, asked, lambda _: None)
        train_together(self.order, "order.json", self.home, Store(asked.store), number, by)

    def second_waits(self) -> bool:
        return any(f"{self.order.job.work.name}-1" in command_line(one) for one in psutil.process_iter())


def test_who_waits_where_the_first_machine_was_goes_where_it_is(alone: Alone, tiny_model: Path, tmp_path: Path) -> None:
    meeting = Meeting.left(tmp_path, tiny_model)
    with ThreadPoolExecutor(2) as machines:
        second = machines.submit(meeting.join, 1)
        wait_until(meeting.second_waits, 30, "the second machine waits for the first one")
        machines.submit(meeting.join, 0).result(300)
        second.result(60)
    check_same(alone.record, record(meeting.order.job))


def test_who_waits_for_an_attempt_that_was_given_up_ends(tiny_model: Path, tmp_path: Path) -> None:
    meeting = Meeting.left(tmp_path, tiny_model)
    with ThreadPoolExecutor(1) as machines:
        second = machines.submit(meeting.join, 1)
        wait_until(meeting.second_waits, 30, "the second machine waits for the first one")
        meeting.home.document("order.json").remove()
        with pytest.raises(ConnectionError, match="given up"):
            second.result(60)
    assert not meeting.second_waits()


def test_attention_and_checkpointing_change_no_loss(alone: Alone, tiny_model: Path, tmp_path: Path) -> None:
    other = train(job(tmp_path, tiny_model, "sft", 1, attention="sdpa", checkpointing="always"))
    assert (alone.record["attention"], alone.record["recomputed"]) == ("eager", False)
    assert (other["attention"], other["recomputed"]) == ("sdpa", True)
    check_same(alone.record, other)


def test_flash_attention_is_refused_where_there_is_none(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a GPU and the package flash-attn"):
        train(job(tmp_path, tiny_model, "sft", 1, attention="flash_attention_2"))


def test_one_of_them_killed_ends_the_other_and_a_retry_goes_on_from_the_checkpoint(
    tiny_model: Path, tmp_path: Path
) -> None:
    config = CONFIGS["sft"].model_dump(mode="json") | {"epochs": 8}
    asked = job(tmp_path, tiny_model, "sft", 2, config=config)

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
    newest = max(asked.work.glob("checkpoints/checkpoint-*"), key=lambda folder: int(folder.name.split("-")[1]))
    (newest / "rng_state_1.pth").write_bytes(b"PK\x03\x04")  # as if it had been killed over it
    first: list[int] = []
    record = train(asked, lambda said: first.append(said["done"]) if said["what"] == "training" else None)
    assert first[0] > 1, "it began anew"
    steps = [entry["step"] for entry in record["curve"]]
    assert steps == list(range(1, len(steps) + 1))
