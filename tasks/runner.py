"""How a stage is run as Prefect tasks: found in the store or made; cached by fingerprint; retried where that helps.

Three kinds of work: `compute` (pure data: no retry), `infer` (shards of requests to an engine: retried with growing,
jittered delays, each shard an artifact of its own), `train` (a child process: one retry, from its last checkpoint).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
from prefect import Task, get_run_logger, task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.tasks import exponential_backoff

from tasks.artifacts import Draft, Ref, Spec, Store
from tasks.backends import launch
from tasks.backends.child import ChildFailed
from tasks.backends.client import Journal
from tasks.backends.engines import Engines
from tasks.backends.platform import Platform
from tasks.budget import Budget
from tasks.calls import Answer, Call
from tasks.jobs import Job
from tasks.progress import Bar, Progress
from tasks.recipes import Recipe
from tasks.records import digest

Say = Callable[[str], None]
Make = Callable[[Say], None]
NextCalls = Callable[[Mapping[str, Answer]], list[Call]]
SaveAnswers = Callable[[Draft, list[Call], list[Answer]], None]
LOG_EVERY_S = 10.0
RETRYABLE = (ChildFailed, ConnectionError, openai.APIConnectionError, openai.InternalServerError, httpx.TransportError)


def worth_retrying(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """A dead engine or a killed trainer is; bad input, an engine that never came up or a passed deadline is not."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, RETRYABLE) and getattr(error, "retryable", True)


def _made(spec: Spec, store: Store, make: Make) -> Ref:
    found = store.find(spec)
    if found is None:  # else a run that died meanwhile had finished it
        make(get_run_logger().info)
        found = store.find(spec)
        assert found, f"{spec.stage} made no artifact"
    return found


# Prefect's own policies are not used: TASK_SOURCE misses a change in what the task calls, INPUTS walks all arguments.
SETTINGS: dict[str, Any] = {
    "cache_policy": CacheKeyFnPolicy(
        cache_key_fn=lambda _, given: f"{given['spec'].stage}-{given['spec'].fingerprint}"
    ),
    "persist_result": True,
    "result_serializer": "json",  # a pickle would let whoever writes the result storage run code
}


@task(name="compute", **SETTINGS)
def compute(spec: Spec, store: Store, make: Make) -> Ref:
    return _made(spec, store, make)


@task(
    name="infer",
    retries=3,
    retry_delay_seconds=exponential_backoff(4),
    retry_jitter_factor=0.5,
    retry_condition_fn=worth_retrying,
    **SETTINGS,
)
def infer(spec: Spec, store: Store, make: Make) -> Ref:
    return _made(spec, store, make)


@task(name="train", retries=1, retry_delay_seconds=10, retry_condition_fn=worth_retrying, **SETTINGS)
def train(spec: Spec, store: Store, make: Make) -> Ref:
    return _made(spec, store, make)


@dataclass(frozen=True, kw_only=True)
class Runner:
    """What all stages of a run share. Small references go in and out; rows stay in the store."""

    recipe: Recipe
    store: Store
    work: Path
    platform: Platform
    engines: Engines
    progress: Progress
    budget: Budget

    @property
    def dtype(self) -> str:
        """What models are served and measured in."""
        return self.platform.dtype(self.recipe.engine.dtype)

    def compute(self, spec: Spec, label: str, write: Callable[[Draft], None]) -> Ref:
        def make(_: Say) -> None:
            with self.store.draft(spec) as draft:
                write(draft)

        return self._run(compute, spec, label, make)

    def infer(self, spec: Spec, label: str, model: Ref, calls: NextCalls, write: SaveAnswers) -> Ref:
        """Ask `model` in shards, then `write` the stage's rows. Nothing is asked if the artifact stands.

        `calls` gets the answers so far, by call key, and says what there is to ask; it is called again until all of
        that is answered.
        """
        stands = self.store.find(spec) is not None

        def write_rows(draft: Draft) -> None:
            if stands:
                raise OSError(f"{label}: its artifact {self.store.path(spec)} went while the run read it")
            write(draft, asked, list(answers.values()))
            tokens = {
                "prompt": sum(a.prompt_tokens for a in answers.values()),
                "new": sum(a.new_tokens for a in answers.values()),
            }
            draft.record |= {"tokens": tokens, "requests": len(asked), "seconds": round(time.monotonic() - started, 3)}

        started = time.monotonic()
        asked: list[Call] = []
        answers: dict[str, Answer] = {}
        while not stands and (now := [call for call in calls(answers) if call.key not in answers]):
            if len({call.key for call in now}) < len(now):
                raise AssertionError(f"{label}: the same request stands twice among its calls")
            asked += now
            answers |= {answer.call: answer for answer in self._ask(spec, label, model, now)}
        return self.compute(spec, label, write_rows)

    def _ask(self, spec: Spec, label: str, model: Ref, calls: list[Call]) -> list[Answer]:
        size = self.recipe.engine.shard_requests
        shards = [calls[i : i + size] for i in range(0, len(calls), size)]
        with self.progress.bar(label, len(calls)) as bar:
            futures = [
                self._submit(spec, f"{label} {i}/{len(shards)}", model, shard, bar) for i, shard in enumerate(shards, 1)
            ]
            try:
                refs = [future.result() for future in futures]
            except BaseException:
                # Ctrl-C and SIGTERM too: the threads that ask have to end before the flow can.
                self.engines.close()
                raise
        return [answer for ref in refs for answer in self.store.rows(ref, Answer)]

    def _submit(self, spec: Spec, label: str, model: Ref, shard: list[Call], bar: Bar) -> PrefectFuture[Ref]:
        shard_spec = Spec(
            stage=f"{spec.stage}-shard",
            version=spec.version,
            config={"dtype": self.dtype},
            inputs={"model": model.digest, "calls": digest([call.key for call in shard])},
        )

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
            client, started = self.engines.client(model), time.monotonic()
            if self.store.find(shard_spec):  # made by another run while this one waited for the device
                bar.advance(len(shard))
                return
            journal = Journal(self.work / f"{shard_spec.stage}-{shard_spec.fingerprint}.jsonl")
            answers = client.ask(shard, journal, on_answer)
            with self.store.draft(shard_spec) as draft:
                draft.table("rows", answers)
                draft.record["seconds"] = round(time.monotonic() - started, 3)
            journal.path.unlink(missing_ok=True)
            new = sum(answer.new_tokens for answer in answers)
            self.budget.spend(new)
            say(f"{len(shard)} answers, {new} new tokens, {time.monotonic() - started:.0f} s")

        found = self.store.find(shard_spec)
        if found:
            bar.advance(len(shard))
        named = infer.with_options(name=spec.stage, task_run_name=label, refresh_cache=found is None)
        return named.submit(shard_spec, self.store, make)

    def train(self, spec: Spec, label: str, module: str, given: dict[str, Any]) -> Ref:
        """Run `module` in a child process on the device; it writes the artifact itself."""
        job = Job(store=self.store.root, spec=spec, work=self.work / f"{spec.stage}-{spec.fingerprint}", given=given)

        def make(say: Say) -> None:
            self.budget.check()
            self.engines.stop()  # the device is the trainer's now
            with self.progress.bar(label) as bar:
                said_at = time.monotonic()

                def on_progress(said: dict[str, Any]) -> None:
                    nonlocal said_at
                    figures = ", ".join(f"{name} {value:.3f}" for name, value in said["figures"].items())
                    bar.to(said["done"] or bar.done, said["total"], f"{said['what']} {figures}".strip())
                    if time.monotonic() - said_at > LOG_EVERY_S:
                        said_at = time.monotonic()
                        say(f"{said['what']} {said['done']}/{said['total']} {figures}")

                deadline_s = self.recipe.trainer.deadline_s
                launch.run(module, job, on_progress, trains_on=self.platform, deadline_s=deadline_s)

        return self._run(train, spec, label, make)

    def _run(self, kind: Task[Any, Ref], spec: Spec, label: str, make: Make) -> Ref:
        # A cache hit skips the task's body: so the artifact is verified first, and made again if it is not as written.
        found = self.store.find(spec)
        named = kind.with_options(name=spec.stage, task_run_name=label, refresh_cache=found is None)
        made = named(spec, self.store, make)
        return found or made
