"""Shards: answered once, continued where a process died, and each by one process at a time."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from tasks.engines.calls import Answer, Call, chat
from tasks.engines.client import EngineClient
from tasks.engines.journal import Journal
from tasks.engines.shards import Shard, Shards
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.home import Home

CALLS = tuple(Call(kind="write", row=f"row {n}", messages=chat(f"Say {n}.")) for n in range(4))
MODEL = Ref(stage="base-model", fingerprint="f", digest="d")
SHARD = Shard(label="write 1/1", spec=Spec(stage="write-shard", version=1), model=MODEL, calls=CALLS)


def answered(call: Call, text: str = "") -> Answer:
    return Answer(call=call.key, text=text or call.row, finish="stop", prompt_tokens=1, new_tokens=3)


class Asked:
    """An engine at the edge, which may die behind so many answers."""

    def __init__(self, dies_behind: int = 99, model: str = MODEL.digest):
        self.calls: list[Call] = []
        self.model = model
        self._dies_behind = dies_behind

    def client(self, _: Ref) -> EngineClient:
        return cast(EngineClient, self)

    def ask(self, calls: Sequence[Call], journal: Journal, on_answer: Callable[[Answer], None]) -> None:
        with journal.adding() as add:
            for call in calls:
                if call.key not in journal.answers:
                    if len(self.calls) == self._dies_behind:
                        raise ConnectionError("gone")
                    self.calls.append(call)
                    add(answered(call))
                on_answer(journal.answers[call.key])


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    return Shards(Store(tmp_path / "store"), Home(tmp_path))


def record(shards: Shards) -> dict[str, Any]:
    found = shards.find(SHARD)
    assert found
    return shards.store.record(found)


def test_a_shard_stands_with_all_its_answers_and_without_a_journal(shards: Shards) -> None:
    seen: list[Answer] = []
    assert shards.find(SHARD) is None
    said = shards.answer(SHARD, Asked().client, {}, seen.append)
    found = shards.find(SHARD)
    assert found and [row.text for row in shards.store.rows(found, Answer)] == [call.row for call in CALLS]
    assert len(seen) == 4 and said.startswith("4 answers, 12 new tokens")
    assert (record(shards)["asked"], shards.new_tokens(found), shards.journal(SHARD).exists()) == (4, 12, False)


def test_who_comes_behind_a_dead_one_asks_only_what_was_in_flight(shards: Shards) -> None:
    with pytest.raises(ConnectionError):
        shards.answer(SHARD, Asked(dies_behind=3).client, {})
    with shards.journal(SHARD).open("ab") as journal:
        journal.write(b'{"call": "cut of')
    assert shards.answered([SHARD]) == 3
    engine = Asked()
    shards.answer(SHARD, engine.client, {})
    assert [call.row for call in engine.calls] == ["row 3"]
    assert record(shards)["asked"] == 1


def test_what_is_known_is_not_asked_and_needs_no_engine_where_it_is_all(shards: Shards) -> None:
    shards.note(SHARD, {call.key: answered(call, "noted") for call in CALLS[:2]})

    def nobody(_: Ref) -> EngineClient:
        raise AssertionError("an engine was started for nothing")

    said = shards.answer(SHARD, nobody, {call.key: answered(call, "known") for call in CALLS[2:]})
    found = shards.find(SHARD)
    assert found and [row.text for row in shards.store.rows(found, Answer)] == ["noted", "noted", "known", "known"]
    assert said.startswith("0 answers, 4 known before, 0 new tokens") and record(shards)["asked"] == 0


def test_one_that_another_run_made_while_the_engine_started_is_left_alone(shards: Shards) -> None:
    engine = Asked()

    def slow(_: Ref) -> EngineClient:
        shards.answer(SHARD, Asked().client, {})
        return engine.client(_)

    assert shards.answer(SHARD, slow, {}) == "made by another run meanwhile"
    assert engine.calls == [] and record(shards)["asked"] == 4


def test_answers_stand_with_the_model_that_gave_them_and_another_one_s_are_not_taken(shards: Shards) -> None:
    other = Asked(model="of another one")
    with pytest.raises(AssertionError, match="answers by of another one"):
        shards.answer(SHARD, other.client, {})
    assert other.calls == []
    shards.answer(SHARD, Asked().client, {})
    assert record(shards)["served"] == MODEL.digest


HOLDS = """
import sys
from pathlib import Path
from tasks.store.artifacts import Store
from tasks.engines.shards import Shards
from tasks.store.home import Home
from tests.unit.engines.test_shards import SHARD
with Shards(Store(Path(sys.argv[1]) / "store"), Home(Path(sys.argv[1]))).claimed(SHARD) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_a_shard_is_one_process_s_until_it_dies(shards: Shards, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "True\n"
        with shards.claimed(SHARD) as mine:
            assert not mine
        shards.note(SHARD, {CALLS[0].key: answered(CALLS[0])})
        assert shards.answered([SHARD]) == 0, "written into while another had it"
        other.kill()
    with shards.claimed(SHARD) as mine:
        assert mine
