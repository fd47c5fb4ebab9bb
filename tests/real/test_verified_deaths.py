"""Killed -9 while it samples, verifies or swaps, a run goes on: nothing stands twice, at most a shard is redone."""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.endpoint import Endpoint
from tests.support.evolution import OWN_ENGINE, Evolution
from tests.support.processes import command_line, wait_until, writing_below
from tests.support.words import sentence

SHARD = 16
SETTINGS = (
    *("branches=[]", "verify.ways=[given, constraints]", "verify.samples=4", "verify.max_new_tokens=24"),
    *("verify.constraints.questions_per_instruction=2", "verify.length_ratio=null", "mix.human_share=0.2"),
    *(f"engine.shard_requests={SHARD}", "sft.epochs=1", "dpo.epochs=1", "evaluate.benchmarks=[]"),
    *("evaluate.panels={sum: 4}", "evaluate.test_panels=true"),
)
SAMPLING = ("write-samples", "evaluate", "panels")


@dataclass
class Killed:
    evolution: Evolution
    gone: dict[str, float]
    asked_again: dict[str, int]
    summary: dict[str, Any]


@pytest.fixture(scope="module")
def killed(tiny_model: Path, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("verified")
    seeds, slow = folder / "seeds.jsonl", {"function": "tests.support.checks_of_a_user:slow"}
    known = {"check": "own_function", "arguments": slow}
    rows = [{"prompt": f"Say {sentence(str(n))}", "response": sentence(str(99 + n)), **known} for n in range(18)]
    seeds.write_text("".join(json.dumps(row) + "\n" for row in rows))
    it = Evolution(folder / "home", tiny_model, seeds, endpoint=endpoint)
    chosen = [part for setting in SETTINGS for part in ("--set", setting)]
    gone, again = {}, {}

    def sandboxed() -> bool:
        return any("tasks.engines.processes.sandbox" in command_line(one) for one in it.processes())

    for what, when, engine in (
        ("sampling", lambda: len(it.artifacts("write-samples-shard")) >= 2, ()),
        ("verifying", sandboxed, ()),
        ("swapping", lambda: _swapping(it), OWN_ENGINE),
    ):
        answered, kept = it.answered(), it.kept_answers(SAMPLING)
        gone[what] = it.run_and_kill(when, what, *chosen, *engine)
        again[what] = (it.answered() - answered) - (it.kept_answers(SAMPLING) - kept)
    return Killed(it, gone, again, it.run(*chosen))


def _swapping(it: Evolution) -> bool:
    """Between two models: the engine that rests beside the training is stopped, and then asked for the candidate."""
    if not it.working("dpo-*"):
        return False
    cores = [one for one in writing_below(str(it.home)) if "EngineCore" in command_line(one)]
    assert cores, "no engine rests beside the training"
    for core in cores:
        core.send_signal(signal.SIGSTOP)
    wait_until(lambda: it.artifacts("divergence"), 240, "a candidate that is trained")
    time.sleep(3)  # what comes after it asks the engine at once
    said = (it.home.parent / "run.log").read_text().rsplit("divergence", 1)[-1]
    assert "a new engine is needed" not in said, said
    return True


def test_it_ends_with_a_candidate_that_was_trained_on_verified_rows(killed: Killed) -> None:
    funnel = {row["label"]: row for row in killed.summary["funnel"]}
    assert funnel["annotate [verified]"]["rows_out"] > 0
    assert {"sft", "dpo", "panels [candidate]", "test panels [candidate]", "gate"} <= funnel.keys()
    assert killed.summary["candidate"]


def test_no_process_is_left_behind_a_kill(killed: Killed) -> None:
    print(killed.gone)
    assert max(killed.gone.values()) < 10
    assert killed.evolution.processes() == []


def test_at_most_one_shard_is_sampled_again(killed: Killed) -> None:
    print(killed.asked_again)
    assert len(killed.evolution.artifacts("write-samples-shard")) >= 4
    assert all(requests <= SHARD for requests in killed.asked_again.values())


def test_no_row_stands_twice_and_each_answer_has_one_verdict_a_check(killed: Killed) -> None:
    counts = killed.evolution.ids()
    assert [row for row, count in counts.items() if count > 1] == []
    for path in killed.evolution.artifacts("check"):
        record = json.loads((path / "record.json").read_text())
        assert record["rows"]["rows"] == sum(one["asked"] for one in record["passed"].values())


def test_again_everything_is_cached(killed: Killed) -> None:
    chosen = [part for setting in SETTINGS for part in ("--set", setting)]
    assert killed.evolution.run(*chosen)["verdict"] == killed.summary["verdict"]
    states = killed.evolution.task_states()
    assert {name for name, state in states.items() if state != "Cached"} == set()
