"""What the tests share: the real default model and a tiny one, each made once a session by the project's own code."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.artifacts import Store
from tasks.backends.models import DEFAULT, starting_model
from tasks.backends.platform import model_python

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def default_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model, fetched and converted; kept between sessions in the project's own store, which verifies it."""
    store = Store(Path(os.environ.get("LANCE_HOME", ROOT / ".lance")) / "store")
    return store.path(starting_model(DEFAULT, store, tmp_path_factory.mktemp("work"), print))


@pytest.fixture(scope="session")
def tiny_model(default_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tiny-model")
    command = [str(model_python()), "-m", "tests.tiny_model", str(default_model), str(out)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return out


@pytest.fixture(autouse=True)
def _fast_tests_stay_fast(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that is not marked for it must not bring Prefect or torch into the process."""
    yield
    if not any(request.node.get_closest_marker(mark) for mark in ("model", "prefect")):
        slow = {"prefect", "torch"} & set(sys.modules)
        allowed = request.session.config.getoption("markexpr") == ""  # the whole suite shares one process
        assert allowed or not slow, f"{slow} imported by a fast test"
