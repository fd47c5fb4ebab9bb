"""Two processes train one model, each on its share of a step's rows, as one does, and one of them may be killed."""

import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.engines.processes.child import ChildFailed
from tests.support.processes import command_line, wait_until
from tests.support.trainings import CONFIGS, job, train


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
