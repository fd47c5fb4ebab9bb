"""What this machine computes on, and where the model environment is."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Platform:
    """`lock` is held by whatever child computes on the device, for all runs of this machine."""

    name: Literal["cpu", "cuda"]
    gpus: int
    cores: int
    lock: Path


def detect() -> Platform:
    """CUDA where the driver lists a GPU that this process may use, else the CPU."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    listed: list[str] = []
    if visible != "":
        try:
            listed = subprocess.run(
                ["nvidia-smi", "-L"], capture_output=True, text=True, check=True
            ).stdout.splitlines()
        except (OSError, subprocess.CalledProcessError):
            listed = []
    gpus = len(visible.split(",")) if visible and listed else len(listed)
    device = f"cuda-{visible or 'all'}" if gpus else "cpu"
    return Platform(
        name="cuda" if gpus else "cpu",
        gpus=gpus,
        cores=len(os.sched_getaffinity(0)),
        lock=Path(tempfile.gettempdir()) / f"lance-device-{device.replace(',', '-').replace('/', '-')}.lock",
    )


def model_python() -> Path:
    """The interpreter of the model environment; raises ValueError where it is not installed."""
    python = Path(os.environ.get("LANCE_MODEL_PYTHON", ROOT / ".venv-model" / "bin" / "python"))
    if not python.exists():
        raise ValueError(f"the model environment is missing: expected {python}; run `make install`")
    return python
