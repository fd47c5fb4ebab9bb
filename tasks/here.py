"""Here: engine and trainer on this machine's devices; shards and trainings are tasks of the run itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefect.futures import PrefectFuture

from tasks.artifacts import Ref
from tasks.backends import launch
from tasks.backends.engines import Engines
from tasks.backends.platform import Platform
from tasks.budget import Budget
from tasks.calls import Answer
from tasks.jobs import Job
from tasks.kinds import Say, called, infer, run, train
from tasks.progress import Bar, Progress
from tasks.shards import Shard, Shards


@dataclass(frozen=True, kw_only=True)
class Here:
    shards: Shards
    platform: Platform
    engines: Engines
    progress: Progress
    budget: Budget

    def answer(self, asked: Sequence[Shard], known: Mapping[str, Answer], bar: Bar) -> list[Ref]:
        """Raises what a shard's task raises, once its retries are over."""
        futures = [self._submit(shard, known, bar) for shard in asked]
        try:
            return [future.result() for future in futures]
        except BaseException:
            # Ctrl-C and SIGTERM too: the threads that ask have to end before the flow can.
            self.engines.close()
            raise

    def _submit(self, shard: Shard, known: Mapping[str, Answer], bar: Bar) -> PrefectFuture[Ref]:
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
            if made := self.shards.stands(shard):
                self.budget.spend(self.shards.new_tokens(made))

        found = self.shards.stands(shard)
        if found:
            bar.advance(len(shard.calls))
        stage = shard.spec.stage.removesuffix("-shard")
        return called(infer, stage, shard.label, found).submit(shard.spec, self.shards.store, make)

    def train(self, module: str, job: Job, label: str, *, one_process: bool, deadline_s: float | None) -> Ref:
        """Raises ChildFailed, or ValueError with what is wrong with the job's input."""

        def make(say: Say) -> None:
            self.budget.check()
            self.engines.stop()  # the device is the trainer's now
            with self.progress.bar(label) as bar:
                launch.train(module, job, bar.heard(say), self.platform, one_process=one_process, deadline_s=deadline_s)

        return run(train, job.spec, label, self.shards.store, make)

    def rest(self) -> None:
        """Nothing is held until the next request."""
        self.engines.stop()

    def close(self) -> None:
        self.engines.close()
