"""Two machines without a common folder, one object store: what the first has made, the second one has."""

from pathlib import Path

import pytest

from tests.support import materials
from tests.support.endpoint import Endpoint
from tests.support.evolution import Evolution
from tests.support.s3 import running


@pytest.mark.long
def test_another_machine_with_the_same_object_store_makes_nothing_again(
    tiny_model: Path, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = materials.some_seeds(tmp_path / "seeds.jsonl")
    brief = "tests/support/recipes/brief.yaml"
    with running() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        one = Evolution(tmp_path / "one", tiny_model, seeds, brief, endpoint)
        first, asked = one.run(), one.answered()
        assert asked > 0
        there = s3.objects()
        other = Evolution(tmp_path / "other", tiny_model, seeds, brief, endpoint)
        second = other.run()
        assert (second["verdict"], second["funnel"]) == (first["verdict"], first["funnel"])
        assert other.answered() == 0
        assert s3.objects() == there
        kept = [file for file in other.home.rglob("*") if file.is_file()]
        secret = s3.environment["AWS_SECRET_ACCESS_KEY"].encode()
        assert not [file for file in kept if file.suffix != ".safetensors" and secret in file.read_bytes()]
