"""One server with its worker for all tests that leave it as it was."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import materials
from tests.operations.postgres import Postgres
from tests.operations.served import Served, free_port


@pytest.fixture(scope="session")
def few_seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return materials.some_seeds(tmp_path_factory.mktemp("seeds") / "seeds.jsonl")


@pytest.fixture(scope="package")
def database() -> Iterator[dict[str, str]]:
    """The variables of a server on LANCE_TEST_DATABASE: sqlite (none), or postgresql."""
    if os.environ.get("LANCE_TEST_DATABASE", "sqlite") == "sqlite":
        yield {}
        return
    it = Postgres(free_port())
    try:
        yield {"PREFECT_SERVER_DATABASE_CONNECTION_URL": it.url}
    finally:
        it.remove()


@pytest.fixture(scope="package")
def served(
    tiny_model: Path, few_seeds: Path, database: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    it = Served(tmp_path_factory.mktemp("served") / "home", tiny_model, few_seeds, database)
    try:
        it.up()
        yield it
    finally:
        it.down()


@pytest.fixture(scope="package")
def finished(served: Served) -> tuple[Served, str]:
    """A run of the tiny recipe that has ended well."""
    run = served.start()
    found = served.wait(run)
    assert found["state_type"] == "COMPLETED", found["state"]
    return served, run
