"""What vLLM's server is started with."""

from pathlib import Path

import pytest

from tasks.engines.processes.platform import GPU, Platform
from tasks.engines.vllm import environment
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
