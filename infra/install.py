"""Install what is missing of the two environments: `make install`, or `python3 infra/install.py --device cpu|cuda`.

.venv orchestrates (Prefect, no torch), .venv-model computes (vLLM, TRL; no Prefect): vLLM and Prefect need different
versions of FastAPI. Each is made from a complete lock with hashes, and left alone while its lock has not changed.

Only the standard library, and syntax that an old Python reads far enough to be told that it is too old.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MIN_PYTHON = (3, 11)
TORCH = "torch==2.13.0"
# On PyPI this torch is a CUDA build; the CPU build is on PyTorch's own index, or where pip was told to look.
TORCH_CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
NEEDED_GIB = {"cpu": 7, "cuda": 20}


def stop(message):
    sys.exit("cannot install: " + message)


def check(device):
    """Leave with one sentence where an install cannot work."""
    if sys.version_info < MIN_PYTHON:
        stop(
            "Python 3.11 or newer is needed, this is %s; name another with `make PYTHON=python3.12 ...`."
            % platform.python_version()
        )
    if sys.platform != "linux" or platform.machine() != "x86_64":
        stop("Linux on x86_64 is needed, this is %s on %s." % (sys.platform, platform.machine()))
    if device == "cpu":
        with open("/proc/cpuinfo") as cpuinfo:
            if " avx2 " not in cpuinfo.read():
                stop("vLLM on a CPU needs AVX2, which this processor has not; use another machine, or DEVICE=cuda.")


def check_disk(device):
    free_gib = shutil.disk_usage(ROOT).free / 2**30
    if free_gib < NEEDED_GIB[device]:
        stop("%d GiB of disk are needed at %s, %.1f are free." % (NEEDED_GIB[device], ROOT, free_gib))


def pip(environment, *arguments):
    command = [os.path.join(ROOT, environment, "bin", "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--disable-pip-version-check", *arguments], check=True, cwd=ROOT)


def torch_for_cpu(environment):
    """torch first and apart, for its CPU build has another version string; the CUDA build does not run without CUDA."""
    pip(environment, TORCH)
    python = os.path.join(ROOT, environment, "bin", "python")
    ask = "from importlib.metadata import version; print(version('torch'))"
    found = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    if not found.endswith("+cpu"):
        pip(environment, "--force-reinstall", "--index-url", TORCH_CPU_WHEELS, TORCH)


def install(environment, lock, device):
    """Make `environment` from `lock`, unless it was made from it as it is."""
    folder = os.path.join(ROOT, environment)
    lock_file = os.path.join(ROOT, "infra", "locks", lock + ".txt")
    with open(lock_file, "rb") as locked, open(os.path.join(ROOT, "pyproject.toml"), "rb") as project:
        wanted = lock + " " + hashlib.sha256(locked.read() + project.read()).hexdigest()
    stamp = os.path.join(folder, "lance-lock.txt")
    if os.path.exists(stamp):
        with open(stamp) as found:
            if found.read() == wanted:
                return
    check_disk(device)
    print("installing %s from infra/locks/%s.txt (a few minutes)" % (environment, lock), flush=True)
    if not os.path.exists(os.path.join(folder, "bin", "python")):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    if lock == "model-cpu":
        torch_for_cpu(environment)
    pip(environment, "--require-hashes", "-r", lock_file)
    pip(environment, "--no-build-isolation", "--editable", ".")
    with open(stamp, "w") as made:
        made.write(wanted)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=sorted(NEEDED_GIB), default="cpu")
    device = parser.parse_args().device
    check(device)
    try:
        install(".venv", "orchestrate", device)
        install(".venv-model", "model-" + device, device)
    except subprocess.CalledProcessError as error:
        stop("%s ended with code %d; its own message stands above." % (" ".join(error.cmd[:4]), error.returncode))


if __name__ == "__main__":
    main()
