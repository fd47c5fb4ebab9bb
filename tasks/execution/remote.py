"""Remote execution: engines and trainers on the machines of a work pool, as child runs (flows/answer.py, train.py).

The run puts what is to be done into the shared home and waits for the artifacts: a child that dies is one of several,
and the others take what it had. Paths in what is put there are as they are here: all machines mount it alike.
"""

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict

from tasks.engines.calls import Answer
from tasks.engines.processes import launch
from tasks.engines.processes.job import Job
from tasks.engines.processes.progress import Bar, Progress
from tasks.engines.shards import Shard, Shards
from tasks.execution.budget import Budget
from tasks.execution.child_runs import ChildRun, ChildRuns, NoChild, ending
from tasks.execution.prefect_tasks import Say, run, train
from tasks.recipe.running import EngineConfig, ExecutionConfig
from tasks.store.artifacts import Ref
from tasks.store.files import write_atomically
from tasks.store.rows import digest

POLL_S = 1.0
CHECK_EVERY_S = 5.0  # how the child runs are
STARTS_WITHOUT_PROGRESS = 3
SEEN_S = 90.0  # NFS may say for a minute that there is no file which another machine has made
SAY_EVERY_S = 60.0  # that nobody takes the child runs


class AskedShards(BaseModel):
    """Shards of one stage, for whoever has an engine."""

    model_config = ConfigDict(frozen=True)
    engine: EngineConfig
    shards: tuple[Shard, ...]


class TrainingOrder(BaseModel):
    """A job for whoever has a device."""

    model_config = ConfigDict(frozen=True)
    module: str
    label: str
    job: Job
    deadline_s: float | None


def asked_of(work: Path, run_id: str) -> Path:
    """Where a run puts its questions."""
    return work / "asked" / run_id


@dataclass(frozen=True, kw_only=True)
class RemoteDevices:
    shards: Shards
    engine: EngineConfig
    execution: ExecutionConfig
    progress: Progress
    budget: Budget
    run: str

    def answer(self, asked: Sequence[Shard], known: Mapping[str, Answer], bar: Bar) -> list[Ref]:
        """Raises NoChild once children only end without answering."""
        made = {shard.spec.fingerprint: found for shard in asked if (found := self.shards.find(shard))}
        missing = [shard for shard in asked if shard.spec.fingerprint not in made]
        if missing:
            self.budget.check()
            for shard in missing:
                self.shards.note(shard, known)
            questions = AskedShards(engine=self.engine, shards=tuple(missing))
            file = asked_of(self.shards.work, self.run) / f"{digest([s.spec.fingerprint for s in missing])[:24]}.json"
            write_atomically(file, questions.model_dump_json())
            self._wait_for_answers(asked, made, bar)
            file.unlink(missing_ok=True)
        return [made[shard.spec.fingerprint] for shard in asked]

    def _wait_for_answers(self, asked: Sequence[Shard], made: dict[str, Ref], bar: Bar) -> None:
        children = Children(ChildRuns(self.run, self.execution.answer), self.execution, self.run)
        while missing := [shard for shard in asked if shard.spec.fingerprint not in made]:
            there = sum(len(shard.calls) for shard in asked) - sum(len(shard.calls) for shard in missing)
            bar.to(there + sum(self.shards.answered(shard) for shard in missing))
            with contextlib.suppress(httpx.HTTPError):  # a server that is away comes back
                children.check(there)
            for shard in missing:
                if found := self.shards.find(shard):
                    made[shard.spec.fingerprint] = found
                    self.budget.spend(self.shards.new_tokens(found))
            time.sleep(POLL_S)

    def train(self, module: str, job: Job, label: str, deadline_s: float | None) -> Ref:
        """Raises NoChild, or ValueError with what is wrong with the job's input."""

        def make(say: Say) -> None:
            self.budget.check()
            training = TrainingOrder(module=module, label=label, job=job, deadline_s=deadline_s)
            write_atomically(job.work / "training.json", training.model_dump_json())
            with self.progress.bar(label) as bar:
                self._wait_for(job, label, bar.heard(say))

        return run(train, job.spec, label, self.shards.store, make)

    def _wait_for(self, job: Job, label: str, on_progress: Callable[[dict[str, Any]], None]) -> None:
        runs = ChildRuns(self.run, self.execution.train)
        given = {"of_run": self.run, "training": str(job.work / "training.json")}
        child = runs.living(job.spec.fingerprint, given, label)
        seen, checked, ended_at, said = 0, time.monotonic(), None, time.monotonic()
        while self.shards.store.find(job.spec) is None:
            seen = launch.forward(job.progress_file, seen, on_progress)
            if time.monotonic() - checked > CHECK_EVERY_S:
                checked = time.monotonic()
                with contextlib.suppress(httpx.HTTPError):  # a server that is away comes back
                    child = runs.now(child)
                if checked - said > SAY_EVERY_S:
                    said = checked
                    runs.warn_if_none_is_taken([child])
                ended_at = ended_at or (checked if ending(child) else None)
                if ended_at and (child.state is None or not child.state.is_completed() or checked > ended_at + SEEN_S):
                    self._check_what_ended(child, job)
            time.sleep(POLL_S)

    def _check_what_ended(self, child: ChildRun, job: Job) -> None:
        """Raises what became of a training whose artifact is not there."""
        ended = ending(child)
        if ended is None or self.shards.store.find(job.spec):
            return
        if job.refusal_file.exists():
            raise ValueError(job.refusal_file.read_text(encoding="utf-8"))
        lost = child.state and (child.state.is_crashed() or child.state.is_cancelled())
        raise ConnectionError(ended) if lost else NoChild(ended)  # the first is tried again

    def rest(self) -> None:
        """Children end by themselves once nothing is asked."""

    def close(self) -> None:
        shutil.rmtree(asked_of(self.shards.work, self.run), ignore_errors=True)


class Children:
    """The child runs that answer, as many as were asked for while there is something to answer."""

    def __init__(self, runs: ChildRuns, execution: ExecutionConfig, run: str):
        self._runs, self._execution, self._run = runs, execution, run
        self._checked, self._starts, self._there, self._said = -CHECK_EVERY_S, 0, -1, time.monotonic()
        self._known = {slot: self._living(slot) for slot in range(execution.workers)}

    def check(self, there: int) -> None:
        """Start them again where all have ended; raises NoChild if that brings nothing. `there`: what is answered."""
        if time.monotonic() - self._checked < CHECK_EVERY_S:
            return
        self._checked = time.monotonic()
        self._known = {slot: self._runs.now(child) for slot, child in self._known.items()}
        if self._checked - self._said > SAY_EVERY_S:
            self._said = self._checked
            self._runs.warn_if_none_is_taken(self._known.values())
        if any(child.state is None or not child.state.is_final() for child in self._known.values()):
            return
        self._starts = 0 if there > self._there else self._starts + 1
        self._there = there
        if self._starts > STARTS_WITHOUT_PROGRESS:
            raise NoChild("; ".join(found for child in self._known.values() if (found := ending(child))))
        self._known = {slot: self._living(slot) for slot in self._known}

    def _living(self, slot: int) -> ChildRun:
        parameters = {"of_run": self._run, "idle_s": self._execution.idle_s}
        return self._runs.living(f"answers-{slot}", parameters, f"answers {slot + 1}/{self._execution.workers}")
