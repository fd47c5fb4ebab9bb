"""Engine and training processes whose run is over: nobody waits for them, and they hold the device.

A supervisor ends its family with the run (engines/processes/supervisor.py), so there are none unless the supervisor
itself was killed.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil

from tasks.engines.processes.platform import model_python
from tasks.store.home import Home

SUPERVISOR = "supervisor.py"
GRACE_S = 5.0


def orphans(home: Home) -> list[psutil.Process]:
    """Processes of the model environment that write below this home and have no supervisor above them."""
    return [
        process
        for process in psutil.process_iter()
        if _is_model_side(process) and _writes_below(process, home.root) and not _is_supervised(process)
    ]


def reap(found: list[psutil.Process]) -> Iterator[str]:
    """End them: SIGTERM, and SIGKILL to who is left."""
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield f"{process.pid} {' '.join(process.cmdline())[:100]}"
            process.terminate()
    for process in psutil.wait_procs(found, GRACE_S)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _is_model_side(process: psutil.Process) -> bool:
    """vLLM's processes write their own titles over their command lines."""
    with contextlib.suppress(psutil.Error):
        command = process.cmdline()
        return bool(command) and (command[0] == str(model_python()) or command[0].startswith("VLLM::"))
    return False


def _writes_below(process: psutil.Process, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return any(link.readlink().is_relative_to(folder) for link in Path(f"/proc/{process.pid}/fd").iterdir())
    return False


def _is_supervised(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(SUPERVISOR in " ".join(parent.cmdline()) for parent in process.parents())
    return False
