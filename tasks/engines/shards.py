"""Shards: what is asked of a model in one go, each an artifact of its own, so that a crash costs what was in flight.

A shard's answers go into its journal as they come, and whoever asks after a crash continues from there; with an object
store, on another machine, too.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.engines.calls import Answer, Call
from tasks.engines.client import EngineClient
from tasks.engines.journal import Journal
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.home import Home
from tasks.store.shared import lines
from tasks.store.shared.lease import Lease
from tasks.store.shared.lines import Lines

POLL_S = 1.0
MADE_MEANWHILE = "made by another run meanwhile"
WORK = "work"  # the folder, and the beginning of keys


class Shard(BaseModel):
    model_config = ConfigDict(frozen=True)
    label: str
    spec: Spec
    model: Ref
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Shards:
    """Where shards lie and how they are answered. Journals lie in the home's `work`."""

    store: Store
    home: Home
    leases: dict[str, Lease] = field(default_factory=dict)  # of shards that others have, as they were seen last

    def journal(self, shard: Shard) -> Path:
        return self.home.work / f"{_name(shard)}.jsonl"

    def find(self, shard: Shard) -> Ref | None:
        """Its artifact. The journal of a run that was killed right behind it goes."""
        if found := self.store.find(shard.spec):
            self.journal(shard).unlink(missing_ok=True)
        return found

    def made(self, shards: Sequence[Shard]) -> set[str]:
        """Fingerprints of those that seem to have been made; for an object store that is one request for all."""
        if self.store.bucket is None:
            return {shard.spec.fingerprint for shard in shards if self.find(shard)}
        stages = {self.store.root / shard.spec.stage for shard in shards}
        return {fingerprint for stage in stages for fingerprint in self.store.bucket.made(stage)}

    def answered(self, shards: Sequence[Shard]) -> int:
        """How many of their calls have an answer so far, while they are not in the store."""
        if self.store.bucket:
            return lines.count(self.store.bucket.objects, [f"{WORK}/{_name(shard)}" for shard in shards])
        found = 0
        for shard in shards:
            with contextlib.suppress(FileNotFoundError):
                found += self.journal(shard).read_bytes().count(b"\n")
        return found

    @property
    def poll_s(self) -> float:
        """How often to look for what others do: requests to an object store are paid for."""
        return 5 * POLL_S if self.store.bucket else POLL_S

    def note(self, shard: Shard, known: Mapping[str, Answer]) -> None:
        """Write answers of other shards into its journal, unless somebody is at it: nobody asks for them again."""
        found = [known[call.key] for call in shard.calls if call.key in known]
        if not found:
            return
        with self.claimed(shard) as mine:
            if mine:
                journal = self._known(shard)
                with self._put(shard):
                    journal.add_new(found)

    def answer(
        self,
        shard: Shard,
        client: Callable[[Ref], EngineClient],
        known: Mapping[str, Answer],
        on_answer: Callable[[Answer], None] = lambda _: None,
    ) -> str:
        """Make its artifact; what there was to do, in words. As `make`, and raises what `client` does while it waits.

        With an object store it waits for another machine that is at it. Claimed only once there is an engine: who waits
        for a device must not keep a shard from the one who has it, and so runs of one home do not wait for each other.
        """
        there = known.keys() | Journal(self.journal(shard)).answers.keys()
        if any(call.key not in there for call in shard.calls):
            client(shard.model)
        if self.store.bucket is None:
            return self.make(shard, client, known, on_answer)
        with self._locked(shard) as nobody_here:
            while True:
                with self._leased(shard) if nobody_here else contextlib.nullcontext(True) as mine:
                    if self.find(shard):
                        self._clear(shard)
                        return MADE_MEANWHILE
                    if mine:
                        return self.make(shard, client, known, on_answer)
                client(shard.model)  # raises RunOver once the run is
                time.sleep(self.poll_s)

    def make(
        self,
        shard: Shard,
        client: Callable[[Ref], EngineClient],
        known: Mapping[str, Answer],
        on_answer: Callable[[Answer], None] = lambda _: None,
    ) -> str:
        """Make the artifact of a shard that the caller has claimed; what there was to do, in words.

        `known` are answers of other shards, by call key. `client` is only called for where somebody is to be asked, and
        may take long; raises what it raises, and as `EngineClient.ask`.
        """
        path, started = self.journal(shard), time.monotonic()
        wanted = [call for call in shard.calls if call.key not in known]
        journal = self._known(shard)
        missing, served = [call.key for call in wanted if call.key not in journal.answers], ""
        if missing:
            engine, started = client(shard.model), time.monotonic()
            if self.find(shard):
                return MADE_MEANWHILE
            journal = self._known(shard)
            missing = [call.key for call in wanted if call.key not in journal.answers]
            if engine.model != shard.model.digest:
                raise AssertionError(f"{shard.label}: the engine answers by {engine.model}, not {shard.model.digest}")
            with self._put(shard):
                engine.ask(wanted, journal, on_answer)
            served = engine.model
        tokens = sum(journal.answers[key].new_tokens for key in missing)
        answers = {**known, **journal.answers}
        with self.store.draft(shard.spec) as draft:
            draft.table("rows", [answers[call.key] for call in shard.calls])
            draft.record |= {
                "seconds": round(time.monotonic() - started, 3),
                "asked": len(missing),
                "new_tokens": tokens,
                "served": served,  # the model that the engine confirmed with each request; none was sent: none
            }
        path.unlink(missing_ok=True)
        self._clear(shard)
        there = len(shard.calls) - len(missing)
        said = f", {there} known before" if there else ""
        return f"{len(missing)} answers{said}, {tokens} new tokens, {time.monotonic() - started:.0f} s"

    def new_tokens(self, ref: Ref) -> int:
        """What was written for it, answers that were there left out."""
        return int(self.store.record(ref)["new_tokens"])

    @contextlib.contextmanager
    def claimed(self, shard: Shard) -> Iterator[bool]:
        """Whether it is this process's to answer; the kernel lets go when a process dies.

        Among homes with an object store a lease says so, which a dead owner loses after LEASE_S.
        """
        with self._locked(shard) as nobody_here:
            if not nobody_here:
                yield False
                return
            with self._leased(shard) as mine:
                yield mine

    @contextlib.contextmanager
    def _locked(self, shard: Shard) -> Iterator[bool]:
        """Whether no other process of this home has it."""
        self.home.work.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.journal(shard), os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _leased(self, shard: Shard) -> Iterator[bool]:
        if self.store.bucket is None:
            yield True
            return
        key = f"{WORK}/{_name(shard)}/lease"
        lease = self.leases.setdefault(key, Lease(self.store.bucket.objects, key, self.home.own_identity(), key))
        if not lease.take():
            yield False
            return
        with lease.kept():
            yield True

    def _clear(self, shard: Shard) -> None:
        """Nobody needs what was under way of one that is made."""
        if self.store.bucket:
            objects = self.store.bucket.objects
            objects.remove([one.key for one in objects.entries(f"{WORK}/{_name(shard)}")])

    def _known(self, shard: Shard) -> Journal:
        """Its journal, with what other machines have put there."""
        journal = Journal(self.journal(shard))
        if parts := self._lines(shard):
            journal.add_new(Answer.model_validate_json(line) for line in parts.read())
        return journal

    def _lines(self, shard: Shard) -> Lines | None:
        bucket = self.store.bucket
        return Lines(bucket.objects, f"{WORK}/{_name(shard)}", self.journal(shard)) if bucket else None

    def _put(self, shard: Shard) -> contextlib.AbstractContextManager[None]:
        """What is added to its journal in the block is put where other machines see it."""
        parts = self._lines(shard)
        return parts.put() if parts else contextlib.nullcontext()


def _name(shard: Shard) -> str:
    return f"{shard.spec.stage}-{shard.spec.fingerprint}"
