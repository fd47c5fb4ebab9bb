"""At most one engine at a time: started when a model is first asked, checked before each use, ended on demand."""

import threading
from pathlib import Path

from tasks.engines.client import EngineClient
from tasks.engines.processes.platform import Platform, model_python
from tasks.engines.processes.progress import Progress
from tasks.engines.vllm import Engine, EngineNotStarted
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Ref, Store


class RunOver(RuntimeError):
    """The run has ended; whoever still wanted an engine gets none."""

    retryable = False


class Engines:
    """Belongs to the top-level flow, not to a task: a child of a task's thread would end with that thread."""

    def __init__(self, store: Store, config: EngineConfig, platform: Platform, logs: Path, progress: Progress):
        self._store, self._config, self._platform = store, config, platform
        self._log, self._progress = logs / "engine.log", progress
        self._lock = threading.Lock()  # held while an engine starts: the other shards wait for it
        self._engine: Engine | None = None
        self._model: Ref | None = None
        self._failed: dict[Ref, EngineNotStarted] = {}
        self._over = False

    def client(self, model: Ref) -> EngineClient:
        """A client of a living engine that serves `model`; starts one if need be. Raises EngineNotStarted, RunOver."""
        with self._lock:
            if self._engine and (self._model != model or not self._engine.alive()):
                self._forget()
            if self._over:
                raise RunOver("the run has ended")
            if model in self._failed:  # in another shard, while this one waited: the same start would end the same way
                raise EngineNotStarted(str(self._failed[model]))
            if self._engine is None:
                path = self._store.path(model)
                self._engine = Engine(path, self._config, self._platform, model_python(), self._log)
                self._model = model
                try:
                    with self._progress.waiting("starting the engine") as on_wait:
                        self._engine.wait_until_ready(on_wait, self._say_that_it_waits)
                except BaseException as error:
                    self._forget()
                    if isinstance(error, EngineNotStarted):
                        self._failed[model] = error
                    raise
            return self._engine.client

    def stop(self) -> None:
        """End the engine and everything below it, so that the device is free."""
        with self._lock:
            self._forget()

    def close(self) -> None:
        """End the run's use of engines for good, also one that is starting right now in another thread."""
        self._over = True
        if engine := self._engine:
            engine.stop()  # before the lock: whoever starts it holds that until it is up, or until this
        self.stop()

    def _forget(self) -> None:
        if self._engine:
            self._engine.stop()
        self._engine = self._model = None

    def _say_that_it_waits(self) -> None:
        self._progress.say(f"the device is in use by another run ({self._platform.locks[0]}); waiting for it")
