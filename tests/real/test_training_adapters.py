"""What SFT learned is kept as an adapter where DPO goes on from it: the same training, on a fraction of the disk."""

import json
from pathlib import Path

import pytest

from tasks.store.artifacts import Store
from tests.support.trainings import job, train


def test_dpo_goes_on_from_an_adapter_as_from_the_merged_model(tiny_model: Path, tmp_path: Path) -> None:
    whole, adapter = (
        job(tmp_path / name, tiny_model, "sft", 1, whole=name == "whole") for name in ("whole", "adapter")
    )
    learned = [train(one)["loss"]["after"] for one in (whole, adapter)]
    assert learned[0] == pytest.approx(learned[1], rel=1e-6)

    merged, kept = (Store(one.store).path(one.spec) for one in (whole, adapter))
    assert (merged / "model.safetensors").exists() and not (kept / "model.safetensors").exists()
    assert "base_model_name_or_path" in (config := json.loads((kept / "adapter_config.json").read_text()))
    assert str(tiny_model) not in json.dumps(config), "a path of this machine"

    from_model = train(job(tmp_path / "from model", merged, "dpo", 1))
    from_adapter = train(asked := job(tmp_path / "from adapter", tiny_model, "dpo", 1, adapter=str(kept)))
    assert from_adapter["loss"]["after"] == pytest.approx(from_model["loss"]["after"], rel=1e-4)
    assert from_adapter["moved"] == pytest.approx(from_model["moved"], rel=1e-4)
    on_base = train(job(tmp_path / "on base", tiny_model, "dpo", 1))
    assert on_base["loss"]["after"] != pytest.approx(from_model["loss"]["after"], rel=1e-3), "SFT changes what DPO does"
    found = Store(asked.store).path(asked.spec)
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= {file.name for file in found.iterdir()}
    assert not asked.work.exists(), "the model that it began from is left behind"
