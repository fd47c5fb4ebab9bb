"""At most one engine at a time: started when a model is first asked, checked before each use, ended on demand."""

import threading
from collections.abc import Callable
from pathlib import Path

from tasks.artifacts import Ref, Store
from tasks.backends.client import EngineClient
from tasks.backends.platform import Platform, model_python
from tasks.backends.vllm import Engine
from tasks.config import EngineConfig


class Engines:
    """Belongs to the top-level flow, not to a task: a child of a task's thread would end with that thread."""

    def __init__(
        self, store: Store, config: EngineConfig, platform: Platform, logs: Path, on_wait: Callable[[float], None]
    ):
        self._store, self._config, self._platform, self._logs = store, config, platform, logs
        self._on_wait = on_wait
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._model: Ref | None = None

    def client(self, model: Ref) -> EngineClient:
        """A client of a living engine that serves `model`; starts one if need be. Raises ChildFailed, TimeoutError."""
        with self._lock:
            if self._engine and (self._model != model or not self._engine.alive()):
                self._stop()
            if self._engine is None:
                engine = Engine(
                    self._store.path(model), self._config, self._platform, model_python(), self._logs / "engine.log"
                )
                self._engine = engine.wait_until_ready(self._on_wait)
                self._model = model
            return self._engine.client

    def stop(self) -> None:
        """End the engine and everything below it, so that the device is free."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._engine:
            self._engine.stop()
        self._engine = self._model = None
