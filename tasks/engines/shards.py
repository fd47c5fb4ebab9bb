"""Shards: what is asked of a model in one go, each an artifact of its own, so that a crash costs what was in flight.

A shard's answers go into its journal as they come, and whoever asks after a crash continues from there.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.engines.calls import Answer, Call
from tasks.engines.client import EngineClient
from tasks.engines.journal import Journal
from tasks.store.artifacts import Ref, Spec, Store


class Shard(BaseModel):
    model_config = ConfigDict(frozen=True)
    label: str
    spec: Spec
    model: Ref
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Shards:
    """Where shards lie and how they are answered. Journals lie in `work`, which all who answer have in common."""

    store: Store
    work: Path

    def journal(self, shard: Shard) -> Path:
        return self.work / f"{shard.spec.stage}-{shard.spec.fingerprint}.jsonl"

    def find(self, shard: Shard) -> Ref | None:
        """Its artifact. The journal of a run that was killed right behind it goes."""
        if found := self.store.find(shard.spec):
            self.journal(shard).unlink(missing_ok=True)
        return found

    def answered(self, shard: Shard) -> int:
        """How many of its calls have an answer so far, while it is not in the store."""
        try:
            return self.journal(shard).read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def note(self, shard: Shard, known: Mapping[str, Answer]) -> None:
        """Write answers of other shards into its journal, unless somebody is at it: nobody asks for them again."""
        found = [known[call.key] for call in shard.calls if call.key in known]
        if not found:
            return
        with self.claimed(shard) as mine:
            if mine:
                journal = Journal(self.journal(shard))
                with journal.adding() as add:
                    for answer in found:
                        if answer.call not in journal.answers:
                            add(answer)

    def answer(
        self,
        shard: Shard,
        client: Callable[[Ref], EngineClient],
        known: Mapping[str, Answer],
        on_answer: Callable[[Answer], None] = lambda _: None,
    ) -> str:
        """Make its artifact; what there was to do, in words. `known` are answers of other shards, by call key.

        `client` is only called for where somebody is to be asked, and may take long; raises what it raises, and as
        `EngineClient.ask`.
        """
        path, started = self.journal(shard), time.monotonic()
        wanted = [call for call in shard.calls if call.key not in known]
        journal = Journal(path)
        missing, served = [call.key for call in wanted if call.key not in journal.answers], ""
        if missing:
            engine, started = client(shard.model), time.monotonic()
            if self.find(shard):
                return "made by another run meanwhile"
            journal = Journal(path)
            missing = [call.key for call in wanted if call.key not in journal.answers]
            if engine.model != shard.model.digest:
                raise AssertionError(f"{shard.label}: the engine answers by {engine.model}, not {shard.model.digest}")
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
        there = len(shard.calls) - len(missing)
        said = f", {there} known before" if there else ""
        return f"{len(missing)} answers{said}, {tokens} new tokens, {time.monotonic() - started:.0f} s"

    def new_tokens(self, ref: Ref) -> int:
        """What was written for it, answers that were there left out."""
        return int(self.store.record(ref)["new_tokens"])

    @contextlib.contextmanager
    def claimed(self, shard: Shard) -> Iterator[bool]:
        """Whether it is this process's to answer; the kernel lets go when a process dies."""
        self.work.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.journal(shard), os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)
