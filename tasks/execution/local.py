"""Local execution: engine and trainer on this machine's devices; shards and trainings are tasks of the run itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefect.futures import PrefectFuture

from tasks.engines.calls import Answer
from tasks.engines.lifecycle import Engines
from tasks.engines.processes import launch
from tasks.engines.processes.job import Job
from tasks.engines.processes.platform import Platform
from tasks.engines.processes.progress import Bar, Progress
from tasks.engines.shards import Shard, Shards
from tasks.execution.budget import Budget
from tasks.execution.claim import to_be_made
from tasks.execution.prefect_tasks import Say, infer, run, shown_as, train
from tasks.store.artifacts import Ref


@dataclass(frozen=True, kw_only=True)
class LocalDevices:
    shards: Shards
    platform: Platform
    engines: Engines
    progress: Progress
    budget: Budget
    engine_stays: bool  # while something is trained: there is memory for both

    def answer(self, asked: Sequence[Shard], known: Mapping[str, Answer], bar: Bar) -> list[Ref]:
        """Raises what a shard's task raises, once its retries are over."""
        submitted = [self._submit(shard, known, bar) for shard in asked]
        try:
            made = [(found, future.result()) for found, future in submitted]
        except BaseException:
            # Ctrl-C and SIGTERM too: the threads that ask have to end before the flow can.
            self.engines.close()
            raise
        # What was there before comes from the store: a cached result names Ref by where the class was at that time.
        return [found or ref for found, ref in made]

    def _submit(self, shard: Shard, known: Mapping[str, Answer], bar: Bar) -> tuple[Ref | None, PrefectFuture[Ref]]:
        counted = 0

        def on_answer(_: Answer) -> None:
            nonlocal counted
            counted += 1
            bar.advance()

        def make(say: Say) -> None:
            nonlocal counted
            bar.advance(-counted)  # of an attempt before
            counted = 0
            self.budget.check()
            say(self.shards.answer(shard, self.engines.client, known, on_answer))
            bar.advance(len(shard.calls) - counted)
            if made := self.shards.find(shard):
                self.budget.spend(self.shards.new_tokens(made))

        found = self.shards.find(shard)
        if found:
            bar.advance(len(shard.calls))
        stage = shard.spec.stage.removesuffix("-shard")
        return found, shown_as(infer, stage, shard.label, found).submit(shard.spec, self.shards.store, make)

    def train(self, module: str, job: Job, label: str, deadline_s: float | None) -> Ref:
        """Raises ChildFailed, or ValueError with what is wrong with the job's input."""

        def make(say: Say) -> None:
            self.budget.check()
            with to_be_made(job.spec, self.shards.store, self.shards.home) as mine:
                if mine:
                    self._train(module, job, label, deadline_s, say)

        return run(train, job.spec, label, self.shards.store, make)

    def _train(self, module: str, job: Job, label: str, deadline_s: float | None, say: Say) -> None:
        with self.engines.resting(beside=self.engine_stays), self.progress.bar(label) as bar:
            launch.train(module, job, bar.heard(say), self.platform, self.engines.device, deadline_s=deadline_s)

    def rest(self) -> None:
        """Nothing is held until the next request."""
        self.engines.stop()

    def close(self) -> None:
        self.engines.close()
