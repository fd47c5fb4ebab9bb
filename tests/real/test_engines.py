"""One engine at a time for all shards of a run."""

import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.engines.lifecycle import Engines
from tasks.engines.processes.platform import Platform
from tasks.engines.processes.progress import Progress
from tasks.engines.server import EngineNotStarted
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Spec, Store


def test_an_engine_that_does_not_start_is_not_started_for_each_shard(
    default_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, python = Store(tmp_path / "store"), tmp_path / "python"
    with store.draft(Spec(stage="base-model", version=1)) as draft:
        for file in default_model.glob("tokenizer*"):
            shutil.copyfile(file, draft.path / file.name)
        shutil.copyfile(default_model / "chat_template.jinja", draft.path / "chat_template.jinja")
    model = store.find(Spec(stage="base-model", version=1))
    assert model
    python.write_text("#!/bin/sh\nsleep 1\necho there is no torchvision\nexit 1\n")  # while the other shard waits
    python.chmod(stat.S_IRWXU)
    monkeypatch.setenv("LANCE_MODEL_PYTHON", str(python))
    platform = Platform(name="cpu", gpus=0, bfloat16=False, cores=(0,), locks=(tmp_path / "device.lock",))
    engines = Engines(store, EngineConfig(), platform, tmp_path, Progress(quiet=True))
    with ThreadPoolExecutor(2) as shards:
        ends = [shards.submit(engines.client, model) for _ in range(2)]
    for end in ends:
        with pytest.raises(EngineNotStarted, match="there is no torchvision"):
            end.result()
    assert (tmp_path / "engine.log").read_text().count("there is no torchvision") == 1
