"""What the store holds that no evolution needs any more: here, and in an object store."""

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from tasks.evolution import ledger as ledgers
from tasks.evolution.ledger import Ledger
from tasks.evolution.lock import alone
from tasks.evolution.lookup import Awaited
from tasks.store.artifacts import Ref, Store, memory_of
from tasks.store.files import RECORD
from tasks.store.home import Home
from tasks.store.shared.objects import Entry, Objects

ALWAYS = ("base-model", "hub-model")  # fetched, not made: they would have to be fetched again
WORK = "work"
CACHES = ("texts", "report")
# What an object store may hold of ours that can be deleted; whatever else lies there is somebody else's.
ARTIFACT = re.compile(r"([a-z-]+)/([0-9a-f]{24})/(record\.json|[0-9a-f]{64})")
UNDER_WAY = re.compile(rf"({WORK})/([a-z-]+-[0-9a-f]{{24}}|asked)/.+")


@dataclass(frozen=True)
class Garbage:
    """An artifact's folder, or what a dead job left in `work`; with `keys`, the objects that it is."""

    path: Path
    stage: str
    gib: float
    keys: tuple[str, ...] = ()


@contextlib.contextmanager
def collecting(home: Home, older_than_s: float) -> Iterator[list[Garbage]]:
    """What may go; no run begins while the block runs. Raises ValueError while one is under way."""
    with alone(home):
        needed, before = _Needed(home), time.time() - older_than_s
        found = [*_here(home, needed, before), *_left_in_work(home, before), *_unused(home, before)]
        if objects := Objects.given():
            found += _in(objects, Store.of(home), needed, before)
        yield found


class _Needed:
    """What the iterations and champions of all ledgers name, and the answers of the models among that.

    Raises ValueError while an evolution waits for a person: what it made is in no ledger yet.
    """

    def __init__(self, home: Home):
        found = [ledger for name in home.evolutions if (ledger := ledgers.read(home.ledger(name)))]
        for name in sorted({path.name for path in home.root.glob("evolutions/*")} | set(home.evolutions)):
            if waits := Awaited.of(home, name):
                raise ValueError(
                    f"evolution {name!r} is waiting for approval: answer it, or `lance cancel {waits.run}`"
                )
        refs = [ref for ledger in found for ref in _named(ledger)]
        self._artifacts = {(ref.stage, ref.fingerprint) for ref in refs}
        self._models = {ref.digest for ref in refs}

    def has(self, stage: str, fingerprint: str) -> bool:
        return (stage, fingerprint) in self._artifacts or stage in ALWAYS or fingerprint.startswith(".")

    def has_answers(self, stage: str, record: dict[str, Any]) -> bool:
        """Whether it is a shard of a model that is needed."""
        return stage.endswith("-shard") and str(record["inputs"].get("model", "")) in self._models


def _here(home: Home, needed: _Needed, before: float) -> Iterator[Garbage]:
    """A killed run continues from artifacts that no ledger knows yet, so newer ones stay."""
    for record in sorted(home.store.glob(f"*/*/{RECORD}")):
        folder, stage = record.parent, record.parent.parent.name
        if needed.has(stage, folder.name) or record.stat().st_mtime > before:
            continue
        if not needed.has_answers(stage, json.loads(record.read_text(encoding="utf-8"))):
            yield Garbage(folder, stage, _gib(folder))


def _left_in_work(home: Home, before: float) -> Iterator[Garbage]:
    for left in sorted(home.work.glob("*")):
        if max(path.stat().st_mtime for path in [left, *left.rglob("*")]) < before:
            yield Garbage(left, WORK, _gib(left))


def _unused(home: Home, before: float) -> Iterator[Garbage]:
    """What was computed and not asked for since; kernels that were compiled stay."""
    for name in CACHES:
        for file in sorted((home.caches / name).glob("*")):
            if file.stat().st_mtime < before:
                yield Garbage(file, f"caches/{name}", _gib(file))


def _in(objects: Objects, store: Store, needed: _Needed, before: float) -> Iterator[Garbage]:
    """By the folder that they are objects of, which is as old as the newest of them."""
    ours = sorted(one for one in objects.entries("") if ARTIFACT.fullmatch(one.key) or UNDER_WAY.fullmatch(one.key))
    for (stage, name), group in groupby(ours, key=lambda one: tuple(one.key.split("/")[:2])):
        own: list[Entry] = list(group)
        if max(one.changed.timestamp() for one in own) > before:
            continue
        if stage != WORK:
            there = Ref(stage=stage, fingerprint=name, digest="")
            if needed.has(stage, name) or needed.has_answers(stage, _record(store, there)):
                continue
        keys = sorted((one.key for one in own), key=lambda key: not key.endswith(RECORD))
        gib = sum(one.size_bytes for one in own) / 2**30
        yield Garbage(Path(stage, name), f"{stage} in {objects.url}", gib, tuple(keys))


def _record(store: Store, there: Ref) -> dict[str, Any]:
    """Of one that was only begun: nobody's answers."""
    try:
        return store.record(there)
    except (OSError, ValueError):
        return {"inputs": {}}


def remove(found: Iterable[Garbage]) -> None:
    """The record first: an artifact without one does not exist, whatever interrupts this."""
    objects = Objects.given()
    for one in found:
        if one.keys and objects:
            objects.remove(one.keys)
        elif one.path.is_dir():
            (one.path / RECORD).unlink(missing_ok=True)
            memory_of(one.path).forget()
            shutil.rmtree(one.path)
        else:
            one.path.unlink(missing_ok=True)


def _named(ledger: Ledger) -> Sequence[Ref]:
    refs = [ledger.base, *ledger.teaching.values(), *(back.model for back in ledger.rollbacks)]
    for one in ledger.iterations:
        refs += [one.seeds, one.champion_before, one.champion_after, one.candidate, *one.stages.values()]
    return [ref for ref in refs if ref is not None]


def _gib(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 2**30
