"""Install what is missing of the two environments: `make install`, or `python3 infra/install.py --device cpu|cuda`.

.venv orchestrates (Prefect, no torch), .venv-model computes (vLLM, TRL; no Prefect): vLLM and Prefect need different
versions of FastAPI. Each is made from a complete lock with hashes, and left alone while its lock has not changed.

Only the standard library, and syntax that an old Python 3 reads far enough to be told that it is too old.
"""

import argparse
import hashlib
import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MIN_PYTHON = (3, 11)
TORCH = "torch==2.13.0"
# On PyPI this torch is a CUDA build; the CPU build is on PyTorch's own index, or where pip was told to look.
TORCH_CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
STAMP = "lance-lock.txt"  # in each environment: the lock and the pyproject.toml that it was made from
NEEDED_GIB = {"cpu": 7, "cuda": 20}


def stop(message: str) -> None:
    sys.exit("cannot install: " + message)


def check(device: str) -> None:
    """Leave with one sentence where an install cannot work."""
    if sys.version_info < MIN_PYTHON:
        found = platform.python_version()
        stop(f"Python 3.11 or newer is needed, this is {found}; name another with `make PYTHON=python3.12 ...`.")
    if importlib.util.find_spec("ensurepip") is None:
        stop("this Python cannot make environments; on Debian: `apt-get install python3-venv`.")
    if sys.platform != "linux" or platform.machine() != "x86_64":
        stop(f"Linux on x86_64 is needed, this is {sys.platform} on {platform.machine()}.")
    if device == "cpu" and " avx2 " not in Path("/proc/cpuinfo").read_text():
        stop("vLLM on a CPU needs AVX2, which this processor has not; use another machine, or DEVICE=cuda.")


def check_disk(device: str) -> None:
    free_gib = shutil.disk_usage(str(ROOT)).free / 2**30
    if free_gib < NEEDED_GIB[device]:
        stop(f"{NEEDED_GIB[device]} GiB of disk are needed at {ROOT}, {free_gib:.1f} are free.")


def pip(environment: Path, *arguments: str) -> None:
    command = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--disable-pip-version-check", *arguments], check=True, cwd=str(ROOT))


def torch_for_cpu(environment: Path) -> None:
    """torch first and apart, for its CPU build has another version string; the CUDA build does not run without CUDA."""
    pip(environment, TORCH)
    ask = "from importlib.metadata import version; print(version('torch'))"
    command = [str(environment / "bin" / "python"), "-c", ask]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode().strip()
    if not found.endswith("+cpu"):
        pip(environment, "--force-reinstall", "--index-url", TORCH_CPU_WHEELS, TORCH)


def install(environment: Path, lock: str, device: str) -> None:
    """Make `environment` from `lock`, unless it was; and install the project into it, unless it was as it is."""
    lock_file = ROOT / "infra" / "locks" / (lock + ".txt")
    wanted = [lock, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in (lock_file, ROOT / "pyproject.toml"))]
    stamp = environment / STAMP
    made_from = stamp.read_text().split() if stamp.exists() else []
    if made_from == wanted:
        return
    if made_from[:2] != wanted[:2]:
        check_disk(device)
        print(f"installing {environment.name} from infra/locks/{lock}.txt (a few minutes)", flush=True)
        # From nothing: what an older lock or the other device left would stay beside the new.
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        if lock == "model-cpu":
            torch_for_cpu(environment)
        pip(environment, "--require-hashes", "-r", str(lock_file))
    # Also where pyproject.toml alone changed: the `lance` command may begin elsewhere.
    pip(environment, "--no-build-isolation", "--editable", ".")
    stamp.write_text(" ".join(wanted))


def installed_device() -> str:
    """What .venv-model was made for, so that a later `make` need not say it again; cpu if there is none."""
    stamp = ROOT / ".venv-model" / STAMP
    return stamp.read_text().split()[0][len("model-") :] if stamp.exists() else "cpu"


def main() -> None:
    parser = argparse.ArgumentParser(description="Install the two environments.")
    parser.add_argument("--device", choices=sorted(NEEDED_GIB), help="default: what is installed, else cpu")
    device = parser.parse_args().device or installed_device()
    check(device)
    try:
        install(ROOT / ".venv", "orchestrate", device)
        install(ROOT / ".venv-model", "model-" + device, device)
    except subprocess.CalledProcessError as error:
        stop(f"{' '.join(error.cmd[:4])} ended with code {error.returncode}; its own message stands above.")


if __name__ == "__main__":
    main()
