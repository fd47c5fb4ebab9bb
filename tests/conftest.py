"""What the tests share: the real default model and a tiny one, each made once a session by the project's own code."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tasks.store.home import ROOT
from tests.support import materials
from tests.support.endpoint import Endpoint, running

settings.register_profile("lance", max_examples=40, deadline=None)  # no deadline: these machines are shared
settings.load_profile("lance")
SLOW = {ROOT / "tests" / "real", ROOT / "tests" / "operations"}


@pytest.fixture(scope="session", autouse=True)
def _own_device(worker_id: str) -> Iterator[None]:
    """Of several test processes, each has its own lock on the device, or they would wait for each other's runs."""
    if worker_id == "master":
        yield
        return
    with tempfile.TemporaryDirectory(prefix="lance-tests-") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user than root
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture(scope="session")
def default_model() -> Path:
    return materials.default_model()


@pytest.fixture(scope="session")
def tiny_model(default_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return materials.tiny_model(default_model, tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def endpoint(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An engine for the runs of tests that are not about engines: each run loads its own models into it."""
    with running(tiny_model, tmp_path_factory.mktemp("endpoint")) as it:
        yield it


@pytest.fixture(scope="module")  # one for all had the Prefect UI's complaints in the console of the report
def browser() -> Iterator[Any]:
    """A headless one, with its driver: apt-get install chromium chromium-driver."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    assert shutil.which("chromedriver"), "install chromium and chromium-driver to run this test"
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(scope="session", autouse=True)
def _fast_tests_stay_fast(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where only fast tests run, none of them brings Prefect or torch into the process."""
    yield
    if not any(SLOW & set(item.path.parents) for item in request.session.items):
        slow = {"prefect", "torch"} & set(sys.modules)
        assert not slow, f"{slow} imported by a fast test: it belongs into tests/real"
