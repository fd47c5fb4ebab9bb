"""How a stage is run as Prefect tasks (tasks/kinds.py): found in the store or made.

What is asked of an engine goes in shards, each an artifact of its own, so that a crash costs what was in flight.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import Task
from prefect.futures import PrefectFuture

from tasks.artifacts import Draft, Ref, Spec, Store
from tasks.backends import launch
from tasks.backends.client import Journal
from tasks.backends.engines import Engines
from tasks.backends.platform import Platform
from tasks.budget import Budget
from tasks.calls import Answer, Call
from tasks.jobs import Job
from tasks.kinds import Make, Say, compute, infer, train
from tasks.progress import Bar, Progress
from tasks.recipes import Recipe
from tasks.records import digest

NextCalls = Callable[[Mapping[str, Answer]], list[Call]]
SaveAnswers = Callable[[Draft, list[Call], list[Answer]], None]
LOG_EVERY_S = 10.0


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
        parts = [calls[i : i + size] for i in range(0, len(calls), size)]
        shards = [(part, self._shard_spec(spec, model, part)) for part in parts]
        missing = {call.key for part, shard_spec in shards if self.store.find(shard_spec) is None for call in part}
        known = self._answered_before(shards[0][1], missing) if missing else {}
        with self.progress.bar(label, len(calls)) as bar:
            futures = [
                self._submit(shard_spec, f"{label} {i}/{len(shards)}", model, part, known, bar)
                for i, (part, shard_spec) in enumerate(shards, 1)
            ]
            try:
                refs = [future.result() for future in futures]
            except BaseException:
                # Ctrl-C and SIGTERM too: the threads that ask have to end before the flow can.
                self.engines.close()
                raise
        return [answer for ref in refs for answer in self.store.rows(ref, Answer)]

    def _shard_spec(self, spec: Spec, model: Ref, calls: list[Call]) -> Spec:
        return Spec(
            stage=f"{spec.stage}-shard",
            version=spec.version,
            config={"dtype": self.dtype},
            inputs={"model": model.digest, "calls": digest([call.key for call in calls])},
            sampling={name: times for name, times in spec.sampling.items() if name == "again"},
        )

    def _answered_before(self, like: Spec, wanted: set[str]) -> dict[str, Answer]:
        """Answers that stand in shards of other lists: another threshold asks for many of the same texts again."""
        found: dict[str, Answer] = {}
        for ref, record in self.store.of_stage(like.stage):
            made_of = (record["version"], record["config"], record["inputs"]["model"], record["sampling"])
            if made_of == (like.version, like.config, like.inputs["model"], like.sampling):
                found |= {answer.call: answer for answer in self.store.rows(ref, Answer) if answer.call in wanted}
        return found

    def _submit(
        self, shard_spec: Spec, label: str, model: Ref, shard: list[Call], known: Mapping[str, Answer], bar: Bar
    ) -> PrefectFuture[Ref]:
        counted = 0
        journal_path = self.work / f"{shard_spec.stage}-{shard_spec.fingerprint}.jsonl"

        def on_answer(_: Answer) -> None:
            nonlocal counted
            counted += 1
            bar.advance()

        def make(say: Say) -> None:
            nonlocal counted
            bar.advance(-counted)  # of an attempt before
            counted = 0
            self.budget.check()
            new, answers = [call for call in shard if call.key not in known], dict(known)
            started = time.monotonic()
            if new:
                client, started = self.engines.client(model), time.monotonic()
                if self.store.find(shard_spec):  # made by another run while this one waited for the device
                    journal_path.unlink(missing_ok=True)
                    bar.advance(len(shard))
                    return
                answers |= {answer.call: answer for answer in client.ask(new, Journal(journal_path), on_answer)}
            with self.store.draft(shard_spec) as draft:
                draft.table("rows", [answers[call.key] for call in shard])
                draft.record["seconds"] = round(time.monotonic() - started, 3)
            journal_path.unlink(missing_ok=True)
            bar.advance(len(shard) - len(new))
            tokens = sum(answers[call.key].new_tokens for call in new)
            self.budget.spend(tokens)
            said = f", {len(shard) - len(new)} were there" if len(new) < len(shard) else ""
            say(f"{len(new)} answers{said}, {tokens} new tokens, {time.monotonic() - started:.0f} s")

        found = self.store.find(shard_spec)
        if found:
            journal_path.unlink(missing_ok=True)  # of a run that was killed right behind its shard
            bar.advance(len(shard))
        stage = shard_spec.stage.removesuffix("-shard")
        named = infer.with_options(name=stage, task_run_name=label, refresh_cache=found is None)
        return named.submit(shard_spec, self.store, make)

    def train(self, spec: Spec, label: str, module: str, given: dict[str, Any], *, one_process: bool = False) -> Ref:
        """Run `module` in a child process on the device; it writes the artifact itself.

        On several GPUs there is a process for each, unless the module knows nothing of the others.
        """

        def make(say: Say) -> None:
            self.budget.check()
            self.engines.stop()  # the device is the trainer's now
            self._child(
                module,
                self._job(spec, given),
                label,
                say,
                trains_on=self.platform,
                processes=1 if one_process else self.platform.gpus,
                deadline_s=self.recipe.trainer.deadline_s,
            )

        return self._run(train, spec, label, make)

    def job(
        self, spec: Spec, label: str, module: str, given: dict[str, Any], *, online: bool = False, tells: bool = False
    ) -> Ref:
        """Run `module` in a child process beside the engine; it writes the artifact itself.

        `online`: it fetches from a hub; `tells`: it speaks to experiment trackers, which have keys of their own.
        """
        env = (launch.online() if online else {}) | (launch.trackers() if tells else {})

        def make(say: Say) -> None:
            self._child(module, self._job(spec, given), label, say, env=env)

        return self._run(compute, spec, label, make)

    def _job(self, spec: Spec, given: dict[str, Any]) -> Job:
        return Job(store=self.store.root, spec=spec, work=self.work / f"{spec.stage}-{spec.fingerprint}", given=given)

    def _child(self, module: str, job: Job, label: str, say: Say, **how: Any) -> None:
        with self.progress.bar(label) as bar:
            said_at = time.monotonic()

            def on_progress(said: dict[str, Any]) -> None:
                nonlocal said_at
                bar.hear(said)
                if time.monotonic() - said_at > LOG_EVERY_S:
                    said_at = time.monotonic()
                    say(str(bar))

            launch.run(module, job, on_progress, **how)

    def _run(self, kind: Task[Any, Ref], spec: Spec, label: str, make: Make) -> Ref:
        # A cache hit skips the task's body: so the artifact is verified first, and made again if it is not as written.
        found = self.store.find(spec)
        named = kind.with_options(name=spec.stage, task_run_name=label, refresh_cache=found is None)
        made = named(spec, self.store, make)
        return found or made
