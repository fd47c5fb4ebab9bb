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
    """`locks`, one a GPU or one for the CPU, are held by the child that computes there, for all runs of a machine."""

    name: Literal["cpu", "cuda"]
    gpus: int
    cores: tuple[int, ...]
    locks: tuple[Path, ...]

    def dtype(self, wanted: str) -> str:
        """The engine's dtype; `auto` is one of a device's own, so that champion and candidate are served alike."""
        return wanted if wanted != "auto" else {"cpu": "float32", "cuda": "bfloat16"}[self.name]


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
    # Names as CUDA_VISIBLE_DEVICES has them; without it, the driver's numbers.
    gpus = visible.split(",") if visible and listed else [str(i) for i in range(len(listed))]
    devices = [f"cuda-{gpu.strip().replace('/', '-')}" for gpu in gpus] or ["cpu"]
    return Platform(
        name="cuda" if gpus else "cpu",
        gpus=len(gpus),
        cores=tuple(sorted(os.sched_getaffinity(0))),
        locks=tuple(Path(tempfile.gettempdir()) / f"lance-device-{device}.lock" for device in devices),
    )


def model_python() -> Path:
    """The interpreter of the model environment; raises ValueError where it is not installed."""
    python = Path(os.environ.get("LANCE_MODEL_PYTHON", ROOT / ".venv-model" / "bin" / "python"))
    if not python.exists():
        raise ValueError(f"the model environment is missing: expected {python}; run `make install`")
    return python
