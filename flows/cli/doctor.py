"""`lance doctor`: what works on this machine, what does not, and what to do about it."""

import ctypes
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
from pydantic import BaseModel
from rich.table import Table

from tasks.engines.models import check_folder
from tasks.engines.processes import platform
from tasks.engines.processes.progress import Progress
from tasks.store.home import Home, user_path
from tasks.store.shared import objects

MIN_FREE_DISK_GIB = 3  # the default model and two iterations of it
MIN_FREE_MEMORY_GIB = 6
TRAINS = "import torch, transformers, trl, peft; print(torch.__version__, transformers.__version__, trl.__version__)"
SERVES = "import vllm.entrypoints.openai.api_server, vllm; print(vllm.__version__)"


class Finding(BaseModel):
    """One thing that was looked at. `advice` is empty where it works."""

    what: str
    works: bool
    found: str
    advice: str = ""


def examine(progress: Progress, model: str = "") -> list[Finding]:
    """Of the machine, and of the model in a folder, if one is given."""
    looks: list[Callable[[], Finding]] = [
        _trainer,
        _engine,
        _device,
        _kernels,
        _native,
        _disk,
        _memory,
        partial(_database, progress),
        *([_object_store] if os.environ.get(objects.VARIABLE) else []),
        *([partial(_model, user_path(model))] if model else []),
    ]
    with progress.showing(), progress.bar("checking this machine", len(looks)) as bar:
        found = []
        for look in looks:
            found.append(look())
            bar.advance()
        return found


def _trainer() -> Finding:
    return _tried(
        "trainer", lambda: "torch {}, transformers {}, trl {}".format(*_imported(TRAINS)[-3:]), "run `make install`"
    )


def _engine() -> Finding:
    return _tried("engine", lambda: f"vLLM {_imported(SERVES)[-1]}", "run `make install`")


def _imported(code: str) -> list[str]:
    """What the model environment prints of itself."""
    command = [str(platform.model_python()), "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise ValueError(done.stderr.strip().splitlines()[-1])
    return done.stdout.split()


def _device() -> Finding:
    def check() -> str:
        device = platform.detect()
        kind = f"{device.gpus} GPU(s)" if device.gpus else f"{len(device.cores)} CPU cores"
        return f"{kind}; one run at a time, by the lock {device.locks[0]}"

    return _tried("device", check, "install for the device that is there: `make install DEVICE=cpu` or DEVICE=cuda")


def _kernels() -> Finding:
    def check() -> str:
        device, flags = platform.detect(), platform.processor_flags()
        if device.name == "cuda":
            return "not computed on: there is a GPU"
        if "avx2" not in flags:
            raise ValueError("this processor has no AVX2")
        units = ", ".join(sorted(platform.BFLOAT16 & flags)) or "no units for bfloat16"
        return f"AVX2, {units}: dtype auto is {device.dtype('auto')}"

    return _tried("processor", check, "vLLM on a CPU needs AVX2: use another machine, or a GPU")


def _native() -> Finding:
    """What torch and Triton compile with while they run, and what vLLM loads on a CPU."""

    def check() -> str:
        compiler = os.environ.get("CXX", "g++")
        headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
        needs = {
            f"C++ compiler ({compiler})": shutil.which(compiler) is not None,
            f"Python headers ({headers})": headers.exists(),
            "libnuma": platform.detect().name != "cpu" or _loads("libnuma.so.1"),
        }
        if missing := [need for need, there in needs.items() if not there]:
            raise ValueError("there is no " + ", no ".join(missing))
        return ", ".join(needs)

    return _tried("compiler", check, "on Debian: `apt-get install g++ python3-dev libnuma1`")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _disk() -> Finding:
    home = Home.here()
    existing = next(path for path in (home.root, *home.root.parents) if path.exists())
    free_gib = shutil.disk_usage(existing).free / 2**30
    enough = free_gib >= MIN_FREE_DISK_GIB and os.access(existing, os.W_OK)
    advice = f"free some, or set LANCE_HOME to a folder with {MIN_FREE_DISK_GIB} GiB"
    return Finding(
        what="disk", works=enough, found=f"{free_gib:.0f} GiB free at {home.root}", advice="" if enough else advice
    )


def _object_store() -> Finding:
    def check() -> str:
        found = objects.Objects(os.environ[objects.VARIABLE])
        found.check()
        return f"{found.url}: it can be written, and keeps what is there"

    return _tried("object store", check, f"see infra/README.md on {objects.VARIABLE}, or unset it")


def _model(folder: Path) -> Finding:
    def check() -> str:
        if not folder.is_dir():
            raise ValueError(f"{folder}: expected a folder with a model, found none")
        check_folder(folder)
        return f"{folder}: it can be loaded, asked and trained"

    return _tried("model", check, "see deployments/README.md on models")


def _memory() -> Finding:
    free_gib = psutil.virtual_memory().available / 2**30
    enough = free_gib >= MIN_FREE_MEMORY_GIB
    advice = f"the default model needs {MIN_FREE_MEMORY_GIB} GiB; end something else"
    return Finding(what="memory", works=enough, found=f"{free_gib:.0f} GiB free", advice="" if enough else advice)


def _database(progress: Progress) -> Finding:
    def check() -> str:
        from flows.operations.server import SERVER_SERVICE, prefect_api
        from flows.operations.service import Service

        given = os.environ.get("PREFECT_API_URL") or Service(Home.here(), SERVER_SERVICE).address()
        with prefect_api(Home.here(), progress):
            from prefect.client.orchestration import get_client

            with get_client(sync_client=True) as client:
                if error := client.api_healthcheck():
                    raise ValueError(f"{given or 'the embedded server'} does not answer: {error}")
        return f"Prefect server at {given}" if given else f"embedded Prefect server, SQLite in {Home.here().prefect}"

    return _tried(
        "database", check, "see the log in LANCE_HOME/logs, or unset PREFECT_API_URL to use the embedded server"
    )


def _tried(what: str, check: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(what=what, works=True, found=check())
    except Exception as error:  # whatever it is, it is what the person wants to read
        return Finding(what=what, works=False, found=str(error), advice=advice)


def table(findings: list[Finding]) -> Table:
    shown = Table("", "what", "found", "what to do", box=None)
    for finding in findings:
        mark = "[green]works[/green]" if finding.works else "[red]broken[/red]"
        shown.add_row(mark, finding.what, finding.found, finding.advice)
    return shown
