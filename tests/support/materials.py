"""What tests work on: the default model, a tiny one with its tokenizer, some of the shipped seeds."""

import subprocess
from pathlib import Path

from tasks.engines.models import DEFAULT, starting_model
from tasks.engines.processes.platform import model_python
from tasks.store.artifacts import Store
from tasks.store.home import ROOT, Home

SOME = 24


def default_model(work: Path) -> Path:
    """Fetched and converted; kept between sessions in the project's own store, which verifies it."""
    store = Store(Home.here().store)
    return store.path(starting_model(DEFAULT, store, work, print))


def tiny_model(default: Path, out: Path) -> Path:
    command = [str(model_python()), "-m", "tests.support.tiny_model", str(default), str(out)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return out


def some_seeds(file: Path) -> Path:
    everyday = (ROOT / "deployments" / "seeds" / "everyday.jsonl").read_text().splitlines(keepends=True)
    file.write_text("".join(everyday[:SOME]))
    return file
