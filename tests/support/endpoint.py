"""A running engine that tests' runs ask in place of starting their own: a start takes 35 to 45 s on two cores."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.engines.endpoints import KEY
from tasks.engines.processes.platform import detect, model_python
from tasks.engines.vllm import Engine
from tasks.recipe.running import EngineConfig


@dataclass(frozen=True)
class Endpoint:
    url: str
    key: str
    log: Path

    @property
    def setting(self) -> str:
        """For a recipe."""
        return f"engine.endpoints={json.dumps([self.url])}"

    @property
    def environment(self) -> dict[str, str]:
        return {KEY: self.key}


@contextlib.contextmanager
def running(model: Path, folder: Path) -> Iterator[Endpoint]:
    """It does not hold the device: trainers of the runs that ask it do."""
    config, key, log = (
        EngineConfig(dtype="float32", context_tokens=1024, in_flight=8, kv_cache_gib=1),
        "of-the-tests",
        folder / "log",
    )
    engine = Engine(model, config, detect(), model_python(), log, key=key)
    try:
        engine.wait_until_ready(lambda _: None, lambda: None)
        yield Endpoint(engine.server.url, key, log)
    finally:
        engine.stop()
