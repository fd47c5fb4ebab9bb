"""One server with its worker for all tests that leave it as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operations import postgres
from tests.operations.served import Served
from tests.support import materials
from tests.support.endpoint import Endpoint


@pytest.fixture(scope="session")
def few_seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return materials.some_seeds(tmp_path_factory.mktemp("seeds") / "seeds.jsonl")


@pytest.fixture(scope="package")
def served(
    tiny_model: Path, few_seeds: Path, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served") / "home"
    with (
        postgres.asked_for() as database,
        Served(home, tiny_model, few_seeds, database, asks=endpoint).running() as it,
    ):
        yield it


@pytest.fixture(scope="package")
def finished(served: Served) -> tuple[Served, str]:
    """A run of the tiny recipe that has ended well."""
    run = served.start(asks=True)
    found = served.wait(run)
    assert found["state_type"] == "COMPLETED", found["state"]
    return served, run
