"""What is computed on: what the model environment was installed for, on the GPUs that may be used."""

from pathlib import Path

import psutil
import pytest

from tasks.engines.processes import platform
from tasks.engines.processes.platform import detect


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with two GPUs, as far as the driver's tool says, and a model environment in `environment`."""
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: A'\necho 'GPU 1: B'\n")
    tool.chmod(0o755)
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("LANCE_MODEL_PYTHON", str(tmp_path / "environment" / "bin" / "python"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def installed(machine: Path, lock: str) -> None:
    (machine / "environment" / "lance-lock.txt").write_text(f"{lock} 0123")


@pytest.mark.parametrize(("visible", "gpus"), [(None, 2), ("1", 1), ("0,1", 2)])
def test_a_cuda_environment_takes_the_gpus_that_it_may(
    machine: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, gpus: int
) -> None:
    installed(machine, "model-cuda")
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = detect()
    assert (found.name, found.gpus, len(found.locks)) == ("cuda", gpus, gpus)


def test_a_gpu_is_locked_by_what_it_is_and_not_by_its_number(machine: Path) -> None:
    installed(machine, "model-cuda")
    (machine / "bin" / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: A (UUID: GPU-a-1)'\necho 'GPU 1: B'\n")
    assert [lock.name for lock in detect().locks] == ["lance-device-cuda-GPU-a-1.lock", "lance-device-cuda-1.lock"]


def test_a_cpu_environment_computes_on_the_cpu_whatever_is_there(machine: Path) -> None:
    installed(machine, "model-cpu")
    assert (detect().name, detect().gpus) == ("cpu", 0)


@pytest.mark.parametrize("visible", ["", "-1"])
def test_a_cuda_environment_without_a_gpu_is_refused(
    machine: Path, monkeypatch: pytest.MonkeyPatch, visible: str
) -> None:
    installed(machine, "model-cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(ValueError, match="no GPU is visible: run `make install DEVICE=cpu`"):
        detect()


@pytest.mark.parametrize(
    ("lock", "flags", "dtype"),
    [
        ("model-cpu", {"avx2"}, "float32"),
        ("model-cpu", {"avx2", "avx512f"}, "float32"),
        ("model-cpu", {"avx2", "avx512_bf16"}, "bfloat16"),
        ("model-cpu", {"amx_bf16"}, "bfloat16"),
        ("model-cuda", {"avx2"}, "bfloat16"),
    ],
)
def test_auto_is_bfloat16_where_the_device_has_units_for_it(
    machine: Path, monkeypatch: pytest.MonkeyPatch, lock: str, flags: set[str], dtype: str
) -> None:
    installed(machine, lock)
    monkeypatch.setattr(platform, "processor_flags", lambda: flags)
    assert detect().dtype("auto") == dtype
    assert (detect().dtype("float32"), detect().dtype("float16")) == ("float32", "float16")


@pytest.mark.parametrize(("limit", "less"), [(str(2**20), True), ("max", False), (str(2**63 - 4096), False)])
def test_a_containers_memory_is_what_it_may_use(
    limit: str, less: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    monkeypatch.setattr(platform, "CGROUPS", (tmp_path / "none", tmp_path / "memory.max"))
    assert platform.memory_bytes() == (2**20 if less else psutil.virtual_memory().total)
