"""What may leave the store: nothing that a ledger names, nothing new, nothing while a run goes."""

import json
import os
import time
from pathlib import Path

import pytest

from tasks import ledger as ledgers
from tasks.artifacts import RECORD, Ref, Spec, Store
from tasks.garbage import garbage, remove
from tasks.home import Home
from tests.test_ledger import ONE, ledger

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
    home.ledger("mine").write_text(json.dumps(ledger().put(one).model_dump(mode="json")))
    found = garbage(home, 7 * DAY)
    assert {one.path for one in found} == {store.path(old), store.path(orphaned)}
    remove(found)
    assert all(store.find(ref) for ref in (model, needed, fetched, new, asked))
    assert store.find(old) is None and garbage(home, 7 * DAY) == []


def test_while_a_run_goes_nothing_may(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with ledgers.only_one_run(home.evolution("mine")), pytest.raises(ValueError, match="'mine' has a run"):
        garbage(home, 0)
    home.waiting("mine").write_text("{}")
    with pytest.raises(ValueError, match="'mine' has a run"):
        garbage(home, 0)
