"""What tests work on: the default model, a tiny one with its tokenizer, some of the shipped seeds."""

import subprocess
from pathlib import Path

from tasks.engines.models import DEFAULT, starting_model
from tasks.engines.processes.job import Job
from tasks.engines.processes.platform import model_python
from tasks.store.artifacts import Spec, Store
from tasks.store.home import ROOT, Home

SOME = 24


def default_model() -> Path:
    """Fetched and converted by the first who asks; kept in the project's own store, which verifies it."""
    home = Home.here()
    store = Store(home.store)
    return store.path(starting_model(DEFAULT, store, home.work, print))


def tiny_model(default: Path, out: Path, seed: int = 0) -> Path:
    """Random weights by that seed, with the default model's tokenizer."""
    return _made("tests.support.tiny_model", out, str(default), str(out), str(seed))


def tiny_qwen2(out: Path) -> Path:
    return _made("tests.support.tiny_qwen2", out, str(out))


def noisy_model(model: Path, work: Path) -> Path:
    """The same model but for a little noise in its matrices."""
    spec = Spec(stage="noisy", version=1)
    job = Job(store=work / "noisy", spec=spec, work=work, given={"model": str(model), "noise": 0.02})
    job.file.write_text(job.model_dump_json())
    return _made("tests.bench.gate.weights", Store(job.store).path(spec), str(job.file))


def _made(module: str, out: Path, *arguments: str) -> Path:
    command = [str(model_python()), "-m", module, *arguments]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return out


def some_seeds(file: Path) -> Path:
    everyday = (ROOT / "deployments" / "seeds" / "everyday.jsonl").read_text().splitlines(keepends=True)
    file.write_text("".join(everyday[:SOME]))
    return file
