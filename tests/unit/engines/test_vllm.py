"""What vLLM's server is started with."""

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.engines.processes.platform import GPU, Platform
from tasks.engines.vllm import command, environment
from tasks.recipe.running import EngineConfig


def test_compiled_kernels_are_kept_in_the_home_unless_the_user_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LANCE_HOME", str(tmp_path))
    monkeypatch.delenv("VLLM_CACHE_ROOT", raising=False)
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("TRITON_CACHE_DIR", "/mine")
    found = environment("key", EngineConfig(), GPU)
    assert found["VLLM_CACHE_ROOT"] == str(tmp_path / "caches" / "vllm")
    assert found["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "caches" / "inductor")
    assert found["TRITON_CACHE_DIR"] == "/mine"


def test_nothing_is_compiled_on_a_processor() -> None:
    here = Platform(name="cpu", gpus=0, bfloat16=False, cores=(0, 1), locks=())
    assert not {name for name in environment("key", EngineConfig(), here) if "CACHE" in name and "KVCACHE" not in name}


HERE = Platform(name="cpu", gpus=0, bfloat16=False, cores=(0, 1), locks=())


def said(name: str, platform: Platform, **config: object) -> str | None:
    """What the server is given by this argument."""
    asked = command(Path("python"), Path("model"), 1, EngineConfig.model_validate(config), platform, True)
    return asked[asked.index(name) + 1] if name in asked else None


def test_a_models_own_defaults_for_sampling_are_used_by_nobody_but_people_who_talk_to_it() -> None:
    assert said("--generation-config", HERE) == "vllm"
    assert "--generation-config" not in command(Path("python"), Path("model"), 1, EngineConfig(), HERE, False)


def test_a_gpu_takes_as_many_requests_as_fit_its_memory_unless_a_person_says_how_many() -> None:
    assert said("--max-num-seqs", GPU) is None
    assert said("--max-num-seqs", GPU, in_flight=64) == "64"
    assert said("--max-num-seqs", HERE) == "256"


@pytest.mark.parametrize(
    ("gpus", "tensor", "data"), [(1, 1, None), (8, 1, "8"), (8, 4, "2"), (8, 8, None), (2, 2, None)]
)
def test_gpus_hold_a_model_in_groups(gpus: int, tensor: int, data: str | None) -> None:
    platform = replace(GPU, gpus=gpus)
    assert said("--data-parallel-size", platform, tensor_parallel=tensor) == data
    assert said("--tensor-parallel-size", platform, tensor_parallel=tensor) == (str(tensor) if tensor > 1 else None)


@pytest.mark.parametrize(("gpus", "tensor"), [(8, 3), (1, 2), (0, 2)])
def test_groups_have_to_come_out_even(gpus: int, tensor: int) -> None:
    platform = replace(GPU if gpus else HERE, gpus=gpus)
    with pytest.raises(ValueError, match=rf"tensor_parallel is {tensor}, and there are {gpus} GPUs"):
        said("--model", platform, tensor_parallel=tensor)


def test_what_a_person_adds_comes_last() -> None:
    given = EngineConfig(arguments=("--max-num-batched-tokens=16384",))
    assert command(Path("python"), Path("model"), 1, given, GPU, True)[-1] == "--max-num-batched-tokens=16384"
