"""What this machine computes on, and where the model environment is."""

import contextlib
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from tasks.store.home import ROOT

CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # versions 2 and 1
BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # processor flags, one of which is enough


@dataclass(frozen=True, kw_only=True)
class Platform:
    """`locks`, one a GPU or one for the CPU, are held by the child that computes there, for all runs of a machine."""

    name: Literal["cpu", "cuda"]
    gpus: int
    bfloat16: bool  # it has units for it
    cores: tuple[int, ...]
    locks: tuple[Path, ...]

    def dtype(self, wanted: str) -> str:
        """What models are served in; `auto` is the device's own: bfloat16 where it has units for it.

        A processor without them takes longer in bfloat16 than in float32, by far.
        """
        return wanted if wanted != "auto" else "bfloat16" if self.bfloat16 else "float32"

    def processes(self, wanted: "int | Literal['auto']") -> int:
        """That train together; `auto`: one for each GPU, and one on a CPU. Raises ValueError for more than GPUs."""
        if wanted != "auto" and 0 < self.gpus < wanted:
            raise ValueError(f"trainer.processes is {wanted}: expected at most one for each of {self.gpus} GPUs")
        return wanted if wanted != "auto" else max(1, self.gpus)


GPU = Platform(name="cuda", gpus=1, bfloat16=True, cores=(), locks=())  # to plan for, where none is


def detect() -> Platform:
    """What the model environment was installed for; CUDA on all GPUs that this process may use.

    Raises ValueError for a CUDA environment without a GPU: the packages of one device do not run on the other.
    """
    installed = installed_for()
    gpus = [] if installed == "cpu" else visible_gpus()
    if installed == "cuda" and not gpus:
        raise ValueError("the model environment is for CUDA, and no GPU is visible: run `make install DEVICE=cpu`")
    devices = [f"cuda-{_known_as(gpu.strip()).replace('/', '-')}" for gpu in gpus] or ["cpu"]
    return Platform(
        name="cuda" if gpus else "cpu",
        gpus=len(gpus),
        bfloat16=bool(gpus) or bool(BFLOAT16 & processor_flags()),
        cores=tuple(sorted(os.sched_getaffinity(0))),
        locks=tuple(Path(tempfile.gettempdir()) / f"lance-device-{device}.lock" for device in devices),
    )


def processor_flags() -> set[str]:
    """By Linux' names; none where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


def memory_bytes() -> int:
    """Of the machine, or as much of it as this container may use."""
    found = [psutil.virtual_memory().total]
    for file in CGROUPS:
        with contextlib.suppress(OSError, ValueError):  # the file is not there, or says "max"
            found.append(int(file.read_text()))
    return min(found)


def visible_gpus() -> list[str]:
    """Names as CUDA_VISIBLE_DEVICES has them; without it, the driver's numbers."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return []
    listed = _listed()
    return visible.split(",") if visible and listed else [str(i) for i in range(len(listed))]


def _listed() -> list[str]:
    """What the driver lists: GPU 0: NVIDIA H100 (UUID: GPU-...), and MIG devices below."""
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []


def _known_as(gpu: str) -> str:
    """Its UUID, where the driver says one: to each job of a batch system its own GPU is number 0."""
    for line in _listed():
        if (found := re.match(r"GPU (\d+): .*\(UUID: (\S+)\)", line)) and found[1] == gpu:
            return found[2]
    return gpu


def installed_for() -> str | None:
    """ "cpu" or "cuda", by the lock that the model environment was made from (infra/install.py); None if none says."""
    try:
        return (_python().parents[1] / "lance-lock.txt").read_text().split()[0].removeprefix("model-")
    except (OSError, IndexError):
        return None


def _python() -> Path:
    return Path(os.environ.get("LANCE_MODEL_PYTHON", ROOT / ".venv-model" / "bin" / "python"))


def model_python() -> Path:
    """The interpreter of the model environment; raises ValueError where it is not installed."""
    python = _python()
    if not python.exists():
        raise ValueError(f"the model environment is missing: expected {python}; run `make install`")
    return python
