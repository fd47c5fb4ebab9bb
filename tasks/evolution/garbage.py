"""What the store holds that no evolution needs any more."""

import contextlib
import fcntl
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.evolution import ledger as ledgers
from tasks.evolution import lock
from tasks.evolution.ledger import Ledger
from tasks.store.artifacts import RECORD, Ref, memory_of
from tasks.store.home import Home

ALWAYS = ("base-model", "hub-model")  # fetched, not made: they would have to be fetched again


@dataclass(frozen=True)
class Garbage:
    """An artifact's folder, or what a dead job left in `work`."""

    path: Path
    stage: str
    gib: float


@contextlib.contextmanager
def left_alone(home: Home) -> Iterator[None]:
    """Nothing of the home is collected while the block runs; waits for a collection that is under way."""
    home.root.mkdir(parents=True, exist_ok=True)
    with home.in_use.open("a") as in_use:
        fcntl.flock(in_use, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def collecting(home: Home, older_than_s: float) -> Iterator[list[Garbage]]:
    """What may go; no run begins while the block runs. Raises ValueError while one is under way."""
    home.root.mkdir(parents=True, exist_ok=True)
    with home.in_use.open("a") as in_use:
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy = [path.name for path in home.root.glob("evolutions/*") if lock.holder(path)]
            what = f"evolution {busy[0]!r} has a run" if busy else "a run"
            raise ValueError(f"{what} that is not over: wait for it, or cancel it") from None
        yield _garbage(home, older_than_s)


def _garbage(home: Home, older_than_s: float) -> list[Garbage]:
    """What may go. A killed run continues from artifacts that no ledger knows yet, so newer ones stay.

    Kept is what the iterations and champions of all ledgers name, and the answers of the models among that. Raises
    ValueError while an evolution waits for a person: what it made is in no ledger yet.
    """
    found = [ledger for name in home.evolutions if (ledger := ledgers.read(home.ledger(name)))]
    for name in sorted(path.name for path in home.root.glob("evolutions/*")):
        if (waiting := home.waiting(name)).exists():
            run = json.loads(waiting.read_text(encoding="utf-8"))["run"]
            raise ValueError(f"evolution {name!r} is waiting for approval: answer it, or `lance cancel {run}`")
    needed = {(ref.stage, ref.fingerprint) for ledger in found for ref in _needed(ledger)}
    models = {ref.digest for ledger in found for ref in _needed(ledger)}
    before = time.time() - older_than_s
    gone = []
    for record in sorted(home.store.glob(f"*/*/{RECORD}")):
        folder = record.parent
        stage = folder.parent.name
        if (stage, folder.name) in needed or stage in ALWAYS or folder.name.startswith("."):
            continue
        if record.stat().st_mtime > before or (stage.endswith("-shard") and _model(record) in models):
            continue
        gone.append(Garbage(folder, stage, _gib(folder)))
    for left in sorted(home.work.glob("*")):
        if max(path.stat().st_mtime for path in [left, *left.rglob("*")]) < before:
            gone.append(Garbage(left, "work", _gib(left)))
    return gone


def remove(found: Iterable[Garbage]) -> None:
    """The record first: a folder without one does not exist, whatever interrupts this."""
    for one in found:
        if one.path.is_dir():
            (one.path / RECORD).unlink(missing_ok=True)
            memory_of(one.path).forget()
            shutil.rmtree(one.path)
        else:
            one.path.unlink(missing_ok=True)


def _needed(ledger: Ledger) -> Sequence[Ref]:
    refs = [ledger.base, *ledger.teaching.values(), *(back.model for back in ledger.rollbacks)]
    for one in ledger.iterations:
        refs += [one.seeds, one.champion_before, one.champion_after, one.candidate, *one.stages.values()]
    return [ref for ref in refs if ref is not None]


def _model(record: Path) -> str:
    """Of a shard: whose answers it holds."""
    return str(json.loads(record.read_text(encoding="utf-8"))["inputs"].get("model", ""))


def _gib(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 2**30
