"""Stages as Prefect tasks: cached by fingerprint, verified before a hit counts, retried only where that helps."""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.testing.utilities import prefect_test_harness

from tasks.engines.calls import Answer, Call, chat
from tasks.engines.journal import Journal
from tasks.engines.lifecycle import Engines
from tasks.engines.processes.child import ChildFailed
from tasks.engines.processes.job import BAD_INPUT
from tasks.engines.processes.platform import detect
from tasks.engines.processes.progress import Progress
from tasks.engines.shards import Shards
from tasks.execution.budget import Budget, BudgetSpent
from tasks.execution.local import LocalDevices
from tasks.execution.prefect_tasks import infer
from tasks.execution.runner import PrefectRunner
from tasks.recipe.recipe import Recipe
from tasks.recipe.running import BudgetConfig, EngineConfig
from tasks.store.artifacts import Draft, Ref, Spec, Store
from tasks.store.home import Home
from tasks.store.rows import OVER_CONTEXT, Seed
from tests.support.rows import seed


@pytest.fixture(scope="module", autouse=True)
def _server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


@dataclass
class FlakyEngines:
    """An engine at the edge: answers, or fails first with what a real one fails with."""

    failures: list[Exception] = field(default_factory=list)
    asked: list[Call] = field(default_factory=list)
    too_long: set[str] = field(default_factory=set)
    closed: bool = False
    model: str = ""

    def client(self, model: Ref) -> "FlakyEngines":
        self.model = model.digest
        return self

    def close(self) -> None:
        self.closed = True

    def ask(self, calls: list[Call], journal: Journal, on_answer: Callable[[Answer], None]) -> list[Answer]:
        if self.failures:
            raise self.failures.pop(0)
        self.asked += (missing := [call for call in calls if call.key not in journal.answers])
        with journal.adding() as add:
            for call in missing:
                finish = OVER_CONTEXT if call.row in self.too_long else "stop"
                add(Answer(call=call.key, text=call.row, finish=finish, prompt_tokens=1, new_tokens=1))
        return [journal.answers[call.key] for call in calls]


def runner(folder: Path, engines: FlakyEngines | None = None, budget: BudgetConfig = BudgetConfig()) -> PrefectRunner:  # noqa: B008
    recipe = Recipe(name="test", engine=EngineConfig(shard_requests=2))
    store, work, progress = Store(folder / "store"), folder / "work", Progress(quiet=True)
    here = LocalDevices(
        shards=Shards(store, Home(folder)),
        platform=detect(),
        engines=cast(Engines, engines or FlakyEngines()),
        progress=progress,
        budget=Budget(budget),
        engine_stays=False,
    )
    return PrefectRunner(recipe=recipe, store=store, work=work, dtype="float32", devices=here, progress=progress)


def in_a_flow(work: Callable[[], Any]) -> Any:
    pool: Any = ThreadPoolTaskRunner(max_workers=2)
    return flow(name="test", task_runner=pool)(work)()


def chain(run: PrefectRunner) -> tuple[Ref, Ref]:
    """One stage that writes something else each time, and one that follows from it."""

    def first(draft: Draft) -> None:
        draft.table("rows", [seed(response=f"Another text: {uuid.uuid4()}.")])

    def second(draft: Draft) -> None:
        draft.table("rows", run.store.rows(one, Seed))

    one = run.compute(Spec(stage="first", version=1), "first", first)
    return one, run.compute(Spec(stage="second", version=1, inputs={"first": one.digest}), "second", second)


def test_what_stands_is_read_again(tmp_path: Path) -> None:
    run = runner(tmp_path)
    made = in_a_flow(lambda: chain(run))
    assert in_a_flow(lambda: chain(run)) == made


@pytest.mark.parametrize("harm", ["delete", "alter"])
def test_a_lost_artifact_is_made_again_and_what_followed_from_its_rows_too(tmp_path: Path, harm: str) -> None:
    run = runner(tmp_path)
    one, two = in_a_flow(lambda: chain(run))
    if harm == "delete":
        shutil.rmtree(run.store.path(one))
    else:
        rows = run.store.path(one) / "rows.parquet"
        content = bytearray(rows.read_bytes())
        content[len(content) // 2] ^= 1
        rows.write_bytes(content)
    again_one, again_two = in_a_flow(lambda: chain(run))
    assert (again_one.fingerprint, again_one.digest == one.digest) == (one.fingerprint, False)
    assert again_two.fingerprint != two.fingerprint
    assert run.store.rows(again_two, Seed) == run.store.rows(again_one, Seed)
    assert in_a_flow(lambda: chain(run)) == (again_one, again_two)


MODEL = Ref(stage="base-model", fingerprint="f", digest="d")


def asked_in_shards(
    run: PrefectRunner, engines: FlakyEngines, rows: int, model: Ref = MODEL, first: int = 0
) -> list[str]:
    """Texts of the answers of one inference stage with `rows` requests."""
    found: list[str] = []

    def write(draft: Draft, calls: list[Call], answers: list[Answer]) -> None:
        found.extend(answer.text for answer in answers)
        draft.record["counts"] = {"in": len(calls), "out": len(answers)}

    def calls() -> list[Call]:
        return [Call(kind="write", row=f"row {i}", messages=chat(f"Say {i}.")) for i in range(first, rows)]

    spec = Spec(stage="write", version=1, inputs={"model": model.digest, "rows": f"{first} to {rows}"})
    in_a_flow(lambda: run.infer(spec, "write", model, lambda answers: calls(), write))
    return found


def test_shards_keep_the_order_and_each_request_is_asked_once(tmp_path: Path) -> None:
    engines = FlakyEngines()
    run = runner(tmp_path, engines)
    assert asked_in_shards(run, engines, 5) == [f"row {i}" for i in range(5)]
    assert sorted(call.row for call in engines.asked) == [f"row {i}" for i in range(5)]
    asked_in_shards(run, engines, 5)
    assert len(engines.asked) == 5


def test_another_list_asks_only_what_was_not_answered_in_the_first(tmp_path: Path) -> None:
    """A threshold that moves asks for some of the same texts, in other shards."""
    engines = FlakyEngines()
    run = runner(tmp_path, engines)
    asked_in_shards(run, engines, rows=5)
    engines.asked.clear()
    assert asked_in_shards(run, engines, rows=9, first=1) == [f"row {i}" for i in range(1, 9)]
    assert sorted(call.row for call in engines.asked) == [f"row {i}" for i in range(5, 9)]  # two shards at once
    engines.asked.clear()
    assert asked_in_shards(run, engines, rows=8, first=2) == [f"row {i}" for i in range(2, 8)]
    assert engines.asked == []
    altered, record, *_ = sorted(run.store.root.glob("write-shard/*"))
    (altered / "rows.parquet").write_bytes((altered / "rows.parquet").read_bytes()[:-1] + b"x")
    (record / "record.json").write_text("x")
    assert asked_in_shards(run, engines, rows=9, first=3) == [f"row {i}" for i in range(3, 9)]
    assert {call.row for call in engines.asked} <= {f"row {i}" for i in range(3, 9)}


def test_with_a_longer_context_only_what_had_no_room_is_asked_again(tmp_path: Path) -> None:
    engines = FlakyEngines(too_long={"row 1", "row 3"})
    run = runner(tmp_path, engines)
    asked_in_shards(run, engines, 5)
    engines.too_long.clear()
    engines.asked.clear()
    longer = EngineConfig(shard_requests=2, context_tokens=4096)
    run = replace(run, recipe=run.recipe.model_copy(update={"engine": longer}))
    asked_in_shards(run, engines, 6)
    assert sorted(call.row for call in engines.asked) == ["row 1", "row 3", "row 5"]


def test_a_lost_stage_whose_shards_stand_asks_nothing(tmp_path: Path) -> None:
    engines = FlakyEngines()
    run = runner(tmp_path, engines)
    asked_in_shards(run, engines, 5)
    shutil.rmtree(tmp_path / "store" / "write")
    assert asked_in_shards(run, engines, 5) == [f"row {i}" for i in range(5)]
    assert len(engines.asked) == 5


def test_a_journal_whose_shard_stands_goes(tmp_path: Path) -> None:
    """A kill between the two leaves both."""
    engines = FlakyEngines()
    run = runner(tmp_path, engines)
    asked_in_shards(run, engines, 5)
    shutil.rmtree(tmp_path / "store" / "write")
    for shard in run.store.root.glob("write-shard/*"):
        (run.work / f"write-shard-{shard.name}.jsonl").write_text("")
    asked_in_shards(run, engines, 5)
    assert list(run.work.iterdir()) == []


def test_another_model_is_asked_anew_and_finds_nothing_of_the_first(tmp_path: Path) -> None:
    """The published scripts resume by the length of the output file, whoever wrote it."""
    engines = FlakyEngines()
    run = runner(tmp_path, engines)
    asked_in_shards(run, engines, 5)
    asked_in_shards(run, engines, 5, Ref(stage="dpo", fingerprint="g", digest="e"))
    assert len(engines.asked) == 10


def test_a_dead_engine_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infer, "retry_delay_seconds", [0.1, 0.1, 0.1])
    engines = FlakyEngines([ConnectionError("refused"), ConnectionError("reset")])
    run = runner(tmp_path, engines)
    assert asked_in_shards(run, engines, 3) == ["row 0", "row 1", "row 2"]


@pytest.mark.parametrize(
    "failure", [ValueError("label '7' is not one token"), ChildFailed("vLLM", BAD_INPUT, Path("x"))]
)
def test_a_bad_configuration_is_not_tried_again(tmp_path: Path, failure: Exception) -> None:
    engines = FlakyEngines([failure, failure])
    run = runner(tmp_path, engines)
    with pytest.raises(type(failure)):
        asked_in_shards(run, engines, 1)
    assert len(engines.failures) == 1, "it was tried again"
    assert engines.closed, "the engine goes on although the run has failed"


def test_a_record_counts_requests_and_tokens(tmp_path: Path) -> None:
    engines = FlakyEngines()
    run = runner(tmp_path, engines)
    asked_in_shards(run, engines, 3)
    (record,) = (tmp_path / "store" / "write").glob("*/record.json")
    found = json.loads(record.read_text())
    assert (found["requests"], found["tokens"]) == (3, {"prompt": 3, "new": 3})


def test_a_spent_budget_ends_a_run_and_the_next_one_goes_on(tmp_path: Path) -> None:
    engines = FlakyEngines()
    with pytest.raises(BudgetSpent, match=r"of 3 tokens \(budget\.tokens\)"):
        asked_in_shards(runner(tmp_path, engines, BudgetConfig(tokens=3)), engines, 12)
    asked = len(engines.asked)
    assert 3 <= asked < 12, "what was under way is finished, and nothing else is asked"
    assert asked_in_shards(runner(tmp_path, engines), engines, 12) == [f"row {i}" for i in range(12)]
    assert len(engines.asked) == 12
