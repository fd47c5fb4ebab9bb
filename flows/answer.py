"""A child run that answers what another run asks, on a machine with a device. Several share the work shard by shard."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from flows.cancellation import ends_when_cancelled
from flows.resources import make_room
from tasks.engines.lifecycle import Engines
from tasks.engines.processes.platform import detect
from tasks.engines.processes.progress import Progress
from tasks.engines.shards import Shard, Shards
from tasks.evolution.lock import left_alone
from tasks.execution.orders import AskedShards, asked_by
from tasks.execution.prefect_tasks import RETRYABLE, Say, infer, run
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Store
from tasks.store.home import Home


@flow(name="answer", persist_result=False)
def answer(
    of_run: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")], idle_s: Annotated[float, Field(ge=0)] = 60
) -> int:
    """Answer what a run asks, shard by shard, until it has asked nothing for a while; how many shards that were.

    Args:
        of_run: The id of the run that asks.
        idle_s: For so many seconds the engine is kept without a question.
    """
    home, progress = Home.here(), Progress()
    store = Store.of(home)
    make_room(home, store)
    with left_alone(home), ends_when_cancelled(of_run), progress.showing():
        logs = home.logs / f"answers-{str(flow_run.get_id())[:8]}"
        return _Answering(Shards(store, home), of_run, logs, progress).run(idle_s)


class _Answering:
    def __init__(self, shards: Shards, of_run: str, logs: Path, progress: Progress):
        self._shards, self._of_run, self._logs, self._progress = shards, of_run, logs, progress
        self._stand: set[str] = set()
        self._orders: dict[str, AskedShards] = {}
        self._engines: tuple[EngineConfig, Engines] | None = None

    def run(self, idle_s: float) -> int:
        count, idle_since = 0, time.monotonic()
        try:
            while time.monotonic() - idle_since <= idle_s:
                found = 0
                for engine, shard in self._missing():
                    with self._shards.claimed(shard) as mine:
                        free = mine and not self._shards.find(shard)  # or there is nothing to start an engine for
                    if free:
                        # Not while it is claimed: who waits for a device must not keep it from the one who has that.
                        with contextlib.suppress(*RETRYABLE):  # it fails again below, where it is tried again
                            self._at(engine).client(shard.model)
                        with self._shards.claimed(shard) as mine:
                            if mine and not self._shards.find(shard):
                                self._answer(engine, shard)
                                found += 1
                    idle_since = time.monotonic()  # also where another has it, who may die over it
                count += found
                time.sleep(0 if found else self._shards.poll_s)
        finally:
            if self._engines:
                self._engines[1].close()
        return count

    def _missing(self) -> Iterator[tuple[EngineConfig, Shard]]:
        for order in self._shards.home.documents(asked_by(self._of_run)):
            if order.key not in self._orders:  # named by what they ask: none is ever another one
                if not (text := order.read()):  # answered, and taken away
                    continue
                self._orders[order.key] = AskedShards.model_validate_json(text)
            questions = self._orders[order.key]
            missing = [shard for shard in questions.shards if shard.spec.fingerprint not in self._stand]
            self._stand |= self._shards.made(missing)
            for shard in missing:
                if shard.spec.fingerprint not in self._stand:
                    yield questions.engine, shard

    def _answer(self, config: EngineConfig, shard: Shard) -> None:
        def make(say: Say) -> None:
            with self._progress.bar(shard.label, len(shard.calls)) as bar:
                say(self._shards.make(shard, self._at(config).client, {}, lambda _: bar.advance()))

        run(infer, shard.spec, shard.label, self._shards.store, make)

    def _at(self, config: EngineConfig) -> Engines:
        if self._engines and self._engines[0] != config:
            self._engines[1].close()
            self._engines = None
        if self._engines is None:
            self._engines = config, Engines(self._shards.store, config, detect(), self._logs, self._progress)
        return self._engines[1]
