"""An S3 server for the tests of one file, with a prefix for each test."""

from collections.abc import Iterator

import pytest

from tests.support.s3 import NAME, S3, running


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3]:
    with running() as it:
        yield it


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> S3:
    """What LANCE_STORE says for as long as the test runs."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LANCE_STORE", f"s3://{NAME}/{request.node.name}")
    return s3_server
