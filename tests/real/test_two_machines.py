"""Two machines without a common folder, one object store: one evolution, which goes on where the other machine died."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support import materials
from tests.support.endpoint import Endpoint
from tests.support.evolution import Evolution
from tests.support.processes import wait_until
from tests.support.s3 import S3, running

BRIEF, SHARD = "tests/support/recipes/brief.yaml", 4
AWAY_S = 20
STAGES = ("write-instructions", "write-answers", "signals", "evaluate")


class Both:
    """An evolution that died on one machine while it wrote and ended on the other one, which could not reach the object
    store for a while.
    """

    def __init__(self, folder: Path, model: Path, endpoint: Endpoint, s3: S3):
        seeds = materials.some_seeds(folder / "seeds.jsonl")
        self.s3 = s3
        self.one, self.other = (Evolution(folder / name, model, seeds, BRIEF, endpoint) for name in ("one", "other"))
        self.one.run_and_kill(lambda: self.one.artifacts("write-instructions-shard"), "the first answers")
        self.died_with = self.answers()
        with self._away():
            self.summary = self.other.run()
        self.asked = self.other.answered()

    @contextmanager
    def _away(self) -> Iterator[None]:
        """The object store goes in the middle of a run, and is back a while later."""

        def leave() -> None:
            self.other.home.mkdir()
            wait_until(lambda: self.other.artifacts("signals-shard"), 200, "its own answers", every_s=0.1)
            self.s3.stop()
            time.sleep(AWAY_S)
            self.s3.start()
            self.was_away = True

        self.was_away, leaving = False, threading.Thread(target=leave)
        leaving.start()
        try:
            yield
        finally:
            leaving.join()

    def answers(self) -> set[tuple[str, str, str]]:
        """Stage, model and call of all that stands in shards on either machine."""
        found = set()
        for record in (file for it in (self.one, self.other) for file in it.home.glob("store/*-shard/*/record.json")):
            made_of = json.loads(record.read_text())
            calls = pq.read_table(record.with_name("rows.parquet"), columns=["call"]).column("call").to_pylist()
            found |= {(made_of["stage"], made_of["inputs"]["model"], call) for call in calls}
        return found


@pytest.fixture(scope="module")
def both(tiny_model: Path, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with running() as s3, pytest.MonkeyPatch.context() as environment:
        for name, value in s3.environment.items():
            environment.setenv(name, value)
        yield Both(tmp_path_factory.mktemp("machines"), tiny_model, endpoint, s3)


def test_it_goes_on_where_the_other_machine_died_and_asks_nothing_twice(both: Both) -> None:
    assert both.was_away and both.summary["verdict"]["axes"]
    there = len(both.answers())
    # What was in flight at the kill, and what journals had grown by since they were put there.
    assert there <= both.asked <= there + 2 * SHARD
    assert both.died_with <= both.answers()


def ledger(it: Evolution) -> Any:
    return json.loads((it.home / "evolutions" / "brief" / "ledger.json").read_text())


def test_on_the_other_machine_nothing_is_made_again(both: Both) -> None:
    there = both.s3.objects()
    second = both.one.run()
    assert (second["verdict"], second["funnel"]) == (both.summary["verdict"], both.summary["funnel"])
    assert both.other.answered() == both.asked
    assert changed(both.s3.objects(), there) == set(), "no artifact, no ledger"
    assert ledger(both.one) == ledger(both.other)


def changed(now: dict[str, str], before: dict[str, str]) -> set[str]:
    """Leases aside, which a run takes and lets go."""
    return {key for key in now.keys() | before.keys() if now.get(key) != before.get(key) and "lease" not in key}


def test_no_key_is_in_a_file(both: Both) -> None:
    secret = both.s3.environment["AWS_SECRET_ACCESS_KEY"].encode()
    kept = [file for it in (both.one, both.other) for file in it.home.rglob("*") if file.is_file()]
    assert not [file for file in kept if file.suffix != ".safetensors" and secret in file.read_bytes()]


def test_what_is_needed_is_not_collected(both: Both) -> None:
    there = both.s3.objects()
    done = both.one.ask("gc", "--older-than-days", "0", "--yes")
    assert done.returncode == 0, done.stderr
    gone = {key for key in changed(both.s3.objects(), there) if key not in both.s3.objects()}
    assert not [key for key in gone if key.split("/")[1] in ("sft", "annotate", "seeds", "base-model")]
    third = both.other.run()
    assert third["verdict"] == both.summary["verdict"] and both.other.answered() == both.asked
