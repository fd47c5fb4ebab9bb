"""Resolve pyproject.toml into the complete lock files beside this script: `make lock`.

uv resolves for every platform and Python from 3.11 on, with hashes. torch is left out of the model locks, since its CPU
build carries another version string on another index (infra/install.py puts it in first), and so are packages that text
models do not need and that break `import transformers` on a CPU (torchvision, torchaudio, torchcodec are CUDA builds on
PyPI). What torch itself needs is named here instead. On CUDA vLLM imports torchvision when an engine warms up.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOT_RESOLVED = ["torch", "torchvision", "torchaudio", "torchcodec"]
NEEDED_BY_TORCH = ["filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy", "typing-extensions"]
LOCKS: dict[str, tuple[list[str], list[str]]] = {
    "orchestrate": (["--group", "dev"], []),
    "model-cpu": ([], [*NOT_RESOLVED, "triton"]),
    "model-cuda": ([], ["torchaudio", "torchcodec"]),
}


def lock(extra: str) -> None:
    """Write infra/locks/EXTRA.txt; raises CalledProcessError with uv's own explanation on stderr."""
    groups, excluded = LOCKS[extra]
    with tempfile.TemporaryDirectory() as folder:
        more, excludes = Path(folder, "more.in"), Path(folder, "excludes.txt")
        more.write_text("\n".join(NEEDED_BY_TORCH if excluded else ["setuptools>=77"]))
        excludes.write_text("\n".join(excluded))
        subprocess.run(
            [
                *[sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", str(more), "--extra", extra, *groups],
                *["--excludes", str(excludes), "--universal", "--python-version", "3.11", "--generate-hashes"],
                *["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "-o", f"infra/locks/{extra}.txt"],
            ],
            cwd=ROOT,
            check=True,
        )


if __name__ == "__main__":
    for name in sys.argv[1:] or LOCKS:
        lock(name)
