"""At most one engine at a time: started when a model is first asked, given other weights where the next model has its
shape, checked before each use, ended on demand.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tasks.engines.client import EngineClient
from tasks.engines.endpoints import Endpoints
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.platform import Platform, model_python
from tasks.engines.processes.progress import Progress
from tasks.engines.server import EngineNotStarted, SwapFailed
from tasks.engines.vllm import Engine
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
        self.device = DeviceLock(platform.locks)
        self._lock = threading.Lock()  # held while an engine starts or loads: the other shards wait for it
        self._engine: Engine | Endpoints | None = None
        self._model: Ref | None = None  # that the engine answers by; none while it rests
        self._failed: dict[Ref, EngineNotStarted] = {}
        self._over = False

    def client(self, model: Ref) -> EngineClient:
        """A client of a living engine that serves `model`, which it has confirmed. Raises EngineNotStarted, RunOver."""
        with self._lock:
            if self._engine and not self._engine.alive():
                self._forget()
            if self._engine and self._model != model:
                self._load(self._engine, model)
            if self._over:
                raise RunOver("the run has ended")
            if model in self._failed:  # in another shard, while this one waited: the same start would end the same way
                raise EngineNotStarted(str(self._failed[model]))
            return (self._engine or self._start(model)).client

    def _load(self, engine: Engine | Endpoints, model: Ref) -> None:
        """The engine answers by that model, or there is none any more: a doubt is what a new process is for."""
        started, self._model = time.monotonic(), None
        try:
            if engine.on_the_device and self.device.wanted():
                raise SwapFailed("another run waits for the device")
            engine.load(self._store.folder(model), model.digest)
        except SwapFailed as error:
            self._progress.say(f"a new engine is needed: {error}")
            self._forget()
        except BaseException:
            self._forget()
            raise
        else:
            self._model = model
            self._progress.say(f"the engine has other weights after {time.monotonic() - started:.1f} s")

    def _start(self, model: Ref) -> Engine | Endpoints:
        engine = self._engine = self._new(self._store.folder(model))
        try:
            with self._progress.waiting("starting the engine") as on_wait:
                engine.wait_until_ready(on_wait, self._say_that_it_waits)
            engine.confirm(model.digest)
        except BaseException as error:
            self._forget()
            if isinstance(error, EngineNotStarted):
                self._failed[model] = error
            if isinstance(error, SwapFailed):
                raise ConnectionError(str(error)) from error
            raise
        self._model = model
        return engine

    def _new(self, model: Path) -> Engine | Endpoints:
        if self._config.endpoints:
            return Endpoints(model, self._config, self._platform.dtype(self._config.dtype))
        return Engine(model, self._config, self._platform, model_python(), self._log, self.device)

    @contextlib.contextmanager
    def resting(self, beside: bool) -> Iterator[None]:
        """The device is somebody else's of this run, a trainer's: the engine rests `beside` it, or ends."""
        with self._lock:
            engine = self._engine
            stays = engine and (not engine.on_the_device or (beside and not self.device.wanted()))
            if engine and not (stays and self._rests(engine)):
                self._forget()
        try:
            yield
        finally:
            with self._lock:
                if not (self._engine and self._engine.on_the_device):
                    self.device.let_go()

    def _rests(self, engine: Engine | Endpoints) -> bool:
        self._model = None
        try:
            engine.rest()
        except SwapFailed as error:
            self._progress.say(f"the engine cannot rest: {error}")
            return False
        return engine.alive()

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
        self.device.let_go()

    def _say_that_it_waits(self) -> None:
        self._progress.say(f"the device is in use by another run ({self.device}); waiting for it")
