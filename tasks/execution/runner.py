"""The runner of a run: stages as Prefect tasks (execution/prefect_tasks.py), found in the store or made."""

import time
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from tasks.engines.calls import Answer, Call
from tasks.engines.processes import launch
from tasks.engines.processes.job import Job
from tasks.engines.processes.progress import Progress
from tasks.engines.shards import Shard
from tasks.execution.local import LocalDevices
from tasks.execution.prefect_tasks import Say, compute, run
from tasks.execution.remote import RemoteDevices
from tasks.execution.stage import CONTEXT, NextCalls, Save, SaveAnswers, served_otherwise
from tasks.recipe.recipe import Recipe
from tasks.store.artifacts import Draft, Ref, Spec, Store
from tasks.store.rows import OVER_CONTEXT, digest

MOST_SHARDS = 200  # of a stage: Prefect's recorder writes 20 task runs a second


@dataclass(frozen=True, kw_only=True)
class PrefectRunner:
    """An `execution.stage.Runner`. Small references go in and out; rows stay in the store."""

    recipe: Recipe
    store: Store
    work: Path
    dtype: str  # what models are served and measured in
    devices: LocalDevices | RemoteDevices
    progress: Progress

    def compute(self, spec: Spec, label: str, save: Save) -> Ref:
        def make(_: Say) -> None:
            with self.store.draft(spec) as draft:
                save(draft)

        return run(compute, spec, label, self.store, make)

    def infer(self, spec: Spec, label: str, model: Ref, calls: NextCalls, save: SaveAnswers) -> Ref:
        """Ask `model` in shards, then `save` the stage's rows. Nothing is asked if the artifact is in the store.

        `calls` gets the answers so far, by call key, and says what there is to ask; it is called again until all of
        that is answered.
        """
        there = self.store.find(spec) is not None

        def write_rows(draft: Draft) -> None:
            if there:
                raise OSError(f"{label}: its artifact {self.store.path(spec)} disappeared while the run read it")
            save(draft, asked, list(answers.values()))
            tokens = {
                "prompt": sum(a.prompt_tokens for a in answers.values()),
                "new": sum(a.new_tokens for a in answers.values()),
            }
            draft.record |= {"tokens": tokens, "requests": len(asked), "seconds": round(time.monotonic() - started, 3)}

        started = time.monotonic()
        asked: list[Call] = []
        answers: dict[str, Answer] = {}
        while not there and (now := [call for call in calls(answers) if call.key not in answers]):
            if len({call.key for call in now}) < len(now):
                raise AssertionError(f"{label}: the same request is among its calls twice")
            asked += now
            answers |= {answer.call: answer for answer in self._ask(spec, label, model, now)}
        return self.compute(spec, label, write_rows)

    def _ask(self, spec: Spec, label: str, model: Ref, calls: list[Call]) -> list[Answer]:
        size = max(self.recipe.engine.shard_requests, ceil(len(calls) / MOST_SHARDS))
        parts = [calls[i : i + size] for i in range(0, len(calls), size)]
        asked = [
            Shard(
                label=f"{label} {i}/{len(parts)}",
                spec=self._shard_spec(spec, model, part),
                model=model,
                calls=tuple(part),
            )
            for i, part in enumerate(parts, 1)
        ]
        missing = [shard for shard in asked if self.devices.shards.find(shard) is None]
        wanted = {call.key for shard in missing for call in shard.calls}
        known = self._answered_before(missing[0].spec, wanted) if missing else {}
        with self.progress.bar(label, len(calls)) as bar:
            refs = self.devices.answer(asked, known, bar)
        return list(self.store.rows(refs, Answer))

    def _shard_spec(self, spec: Spec, model: Ref, calls: list[Call]) -> Spec:
        return Spec(
            stage=f"{spec.stage}-shard",
            version=spec.version,
            config={"dtype": self.dtype} | served_otherwise(self.recipe),
            inputs={"model": model.digest, "calls": digest([call.key for call in calls])},
            sampling={name: times for name, times in spec.sampling.items() if name == "again"},
        )

    def _answered_before(self, like: Spec, wanted: set[str]) -> dict[str, Answer]:
        """Answers that are in shards of other lists: another threshold asks for many of the same texts again.

        Another context, too, which only says what has room: what had none is asked again.
        """
        asked = {**like.config, CONTEXT: 0}

        def alike(record: dict[str, Any]) -> bool:
            made_of = (
                record["version"],
                {**record["config"], CONTEXT: 0},
                record["inputs"]["model"],
                record["sampling"],
            )
            return made_of == (like.version, asked, like.inputs["model"], like.sampling)

        rows = self.store.rows(self.store.of_stage(like.stage, alike), Answer)
        finish = rows.column("finish")
        there = [call in wanted and end != OVER_CONTEXT for call, end in zip(rows.column("call"), finish, strict=True)]
        return {answer.call: answer for answer in rows.where(there)}

    def train(self, spec: Spec, label: str, module: str, given: dict[str, Any]) -> Ref:
        """Run `module` in a child process on a device; it writes the artifact itself."""
        job, deadline_s = self._job(spec, given), self.recipe.trainer.deadline_s
        return self.devices.train(module, job, label, deadline_s)

    def job(
        self, spec: Spec, label: str, module: str, given: dict[str, Any], *, online: bool = False, tells: bool = False
    ) -> Ref:
        """Run `module` in a child process beside the engine; it writes the artifact itself.

        `online`: it fetches from a hub; `tells`: it speaks to experiment trackers, which have keys of their own.
        """
        env = (launch.online() if online else {}) | (launch.trackers() if tells else {})

        def make(say: Say) -> None:
            with self.progress.bar(label) as bar:
                launch.run(module, self._job(spec, given), bar.heard(say), env=env)

        return run(compute, spec, label, self.store, make)

    def _job(self, spec: Spec, given: dict[str, Any]) -> Job:
        return Job(store=self.store.root, spec=spec, work=self.work / f"{spec.stage}-{spec.fingerprint}", given=given)
