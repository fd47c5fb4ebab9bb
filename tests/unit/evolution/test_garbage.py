"""What may leave the store: nothing that a ledger names, nothing new, nothing while a run goes."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from tasks.evolution import lock
from tasks.evolution.garbage import collecting, remove
from tasks.evolution.lock import left_alone
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.files import RECORD
from tasks.store.home import Home
from tests.unit.evolution.test_ledger import ONE, ledger

DAY = 24 * 3600.0


def kept(store: Store, stage: str, config: int, **inputs: str) -> Ref:
    """An artifact that was written ten days ago."""
    spec = Spec(stage=stage, version=1, config={"n": config}, inputs=inputs)
    with store.draft(spec) as draft:
        (draft.path / "rows.txt").write_text(str(config))
    found = store.find(spec)
    assert found
    then = time.time() - 10 * DAY
    os.utime(store.path(found) / RECORD, (then, then))
    return found


def test_what_no_ledger_names_goes_and_the_rest_stays(tmp_path: Path) -> None:
    home = Home(tmp_path)
    store = Store(home.store)
    model, needed, old = kept(store, "sft", 1), kept(store, "mix", 1), kept(store, "mix", 2)
    fetched, new = kept(store, "base-model", 1), kept(store, "mix", 3)
    os.utime(store.path(new) / RECORD)
    asked, orphaned = kept(store, "evaluate-shard", 1, model=model.digest), kept(store, "evaluate-shard", 2, model="x")
    one = ONE.model_copy(update={"stages": {"sft": model, "mix": needed}})
    home.evolution("mine").mkdir(parents=True)
    home.ledger("mine").write(json.dumps(ledger().put(one).model_dump(mode="json")))
    with collecting(home, 7 * DAY) as found:
        assert {one.path for one in found} == {store.path(old), store.path(orphaned)}
        remove(found)
    assert all(store.find(ref) for ref in (model, needed, fetched, new, asked))
    assert store.find(old) is None
    with collecting(home, 7 * DAY) as found:
        assert not found


def test_while_a_run_goes_nothing_may_and_no_run_begins_meanwhile(tmp_path: Path) -> None:
    home = Home(tmp_path)
    refused = pytest.raises(ValueError, match="'mine' has a run")
    with left_alone(home), left_alone(home), lock.only_one_run(home, "mine"), refused, collecting(home, 0):
        pass
    begun = threading.Event()

    def run() -> None:
        with left_alone(home):
            begun.set()

    other = threading.Thread(target=run)
    with collecting(home, 0):
        other.start()
        assert not begun.wait(0.5)
    assert begun.wait(10)
    other.join()


def test_while_somebody_is_asked_nothing_may(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.evolution("mine").mkdir(parents=True)
    home.waiting("mine").write('{"run": "0123"}')
    with (
        pytest.raises(ValueError, match="'mine' is waiting for approval: answer it, or `lance cancel 0123`"),
        collecting(home, 0),
    ):
        pass


def test_a_job_is_as_old_as_what_it_wrote_last(tmp_path: Path) -> None:
    """A training's checkpoints come below its folder, whose own time is that of its beginning."""
    home = Home(tmp_path)
    job = home.work / "sft-1"
    (job / "checkpoints").mkdir(parents=True)
    (job / "checkpoints" / "trainer_state.json").write_text("{}")
    then = time.time() - 10 * DAY
    for path in (job / "checkpoints", job):
        os.utime(path, (then, then))
    with collecting(home, 7 * DAY) as found:
        assert not found
    os.utime(job / "checkpoints" / "trainer_state.json", (then, then))
    with collecting(home, 7 * DAY) as found:
        assert [one.path for one in found] == [job]
