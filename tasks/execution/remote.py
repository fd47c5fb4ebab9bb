"""Remote execution: engines and trainers on the machines of a work pool, as child runs (flows/answer.py, train.py).

The run puts what is to be done (orders.py) where all machines of the home see it, and waits for the artifacts: a child
that dies is one of several, and the others take what it had.
"""

import contextlib
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from tasks.engines.calls import Answer
from tasks.engines.processes import launch
from tasks.engines.processes.job import Job
from tasks.engines.processes.progress import Bar, Progress
from tasks.engines.shards import Shard, Shards
from tasks.execution.budget import Budget
from tasks.execution.child_runs import ChildRun, ChildRuns, NoChild, ending
from tasks.execution.orders import AskedShards, TrainingOrder, asked_by, refused_by
from tasks.execution.prefect_tasks import Say, run, train
from tasks.recipe.running import EngineConfig, ExecutionConfig
from tasks.store.artifacts import Ref
from tasks.store.rows import digest
from tasks.store.shared.document import Document

CHECK_EVERY_S = 5.0  # how the child runs are
STARTS_WITHOUT_PROGRESS = 3
SEEN_S = 90.0  # NFS may say for a minute that there is no file which another machine has made
SAY_EVERY_S = 60.0  # that nobody takes the child runs


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
            name = f"{asked_by(self.run)}/{digest([s.spec.fingerprint for s in missing])[:24]}.json"
            order = self.shards.home.document(name, copied=False)
            order.write(questions.model_dump_json())
            self._wait_for_answers(asked, made, bar)
            order.remove()
        return [made[shard.spec.fingerprint] for shard in asked]

    def _wait_for_answers(self, asked: Sequence[Shard], made: dict[str, Ref], bar: Bar) -> None:
        children = Children(ChildRuns(self.run, self.execution.answer), self.execution, self.run)
        while missing := [shard for shard in asked if shard.spec.fingerprint not in made]:
            there = sum(len(shard.calls) for shard in asked) - sum(len(shard.calls) for shard in missing)
            bar.to(there + self.shards.answered(missing))
            with contextlib.suppress(httpx.HTTPError):  # a server that is away comes back
                children.check(there)
            seen = self.shards.made(missing)
            for shard in missing:
                if shard.spec.fingerprint not in seen:
                    continue
                found = self.shards.find(shard)
                if found is None:
                    raise OSError(f"{shard.spec.stage}/{shard.spec.fingerprint} is in the object store, and not whole")
                made[shard.spec.fingerprint] = found
                self.budget.spend(self.shards.new_tokens(found))
            time.sleep(self.shards.poll_s)

    def train(self, module: str, job: Job, label: str, deadline_s: float | None) -> Ref:
        """Raises NoChild, or ValueError with what is wrong with the job's input."""

        def make(say: Say) -> None:
            self.budget.check()
            home = self.shards.home
            order = home.document(f"work/{job.work.name}/training.json", copied=False)
            training = TrainingOrder(
                module=module,
                label=label,
                job=job,
                deadline_s=deadline_s,
                home=home.root,
                machines=job.given.get("machines", 1),
            )
            refused_by(home, job).remove()  # of an input that was mended since
            order.write(training.model_dump_json())
            try:
                with self.progress.bar(label) as bar:
                    self._wait_for(training, order, bar.heard(say))
            finally:
                order.remove()
                home.document(training.meeting, copied=False).remove()

        return run(train, job.spec, label, self.shards.store, make)

    def _wait_for(self, training: TrainingOrder, order: Document, on_progress: launch.Said) -> None:
        job, runs = training.job, ChildRuns(self.run, self.execution.train)
        given = {"of_run": self.run, "training": order.key}
        together = f"{job.spec.fingerprint}-{training.attempt if training.machines > 1 else ''}"
        children = [
            # Machines that met in an attempt before do not meet again: each attempt has children of its own.
            runs.living(f"{together}{number}", given | {"number": number}, training.label)
            for number in range(training.machines)
        ]
        seen, checked, ended_at, said = 0, time.monotonic(), None, time.monotonic()
        while self.shards.store.find(job.spec) is None:
            seen = launch.forward(job.progress_file, seen, on_progress)
            if time.monotonic() - checked > CHECK_EVERY_S:
                checked = time.monotonic()
                with contextlib.suppress(httpx.HTTPError):  # a server that is away comes back
                    children = [runs.now(child) for child in children]
                if checked - said > SAY_EVERY_S:
                    said = checked
                    for child in children:
                        runs.warn_if_none_is_taken([child])
                ended = [child for child in children if ending(child)]
                ended_at = ended_at or (checked if children[0] in ended else None)
                for child in ended:
                    completed = child.state is not None and child.state.is_completed()
                    if not completed or (ended_at and checked > ended_at + SEEN_S):
                        self._check_what_ended(child, training)
            time.sleep(self.shards.poll_s)

    def _check_what_ended(self, child: ChildRun, training: TrainingOrder) -> None:
        """Raises what became of a training whose artifact is not there. Of machines together one dies of the other."""
        job, ended = training.job, ending(child)
        if ended is None or self.shards.store.find(job.spec):
            return
        if refused := refused_by(self.shards.home, job).read():
            raise ValueError(refused)
        lost = child.state and (child.state.is_crashed() or child.state.is_cancelled() or training.machines > 1)
        raise ConnectionError(ended) if lost else NoChild(ended)  # the first is tried again

    def rest(self) -> None:
        """Children end by themselves once nothing is asked."""

    def close(self) -> None:
        for order in self.shards.home.documents(asked_by(self.run)):
            order.remove()
        shutil.rmtree(self.shards.home.root / asked_by(self.run), ignore_errors=True)


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
