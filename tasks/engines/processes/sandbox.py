"""Run one function where nothing that a model wrote can do harm: no network, nothing written that stays, bounded.

Namespaces of its own for network, mounts and processes (util-linux's `unshare`, as root or where the system allows
user namespaces): every file system is read-only but a small one in memory, which goes with the processes. There are no
devices but the harmless ones, and no capability is left to undo any of it: as root's own user id a program could
otherwise mount again, or write to a disk.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS, MEMORY_BYTES, FILE_BYTES, SCRATCH = 600, 8 * 2**30, 64 * 2**20, "256m"
UNSHARE = ["unshare", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
WITH_ITS_PARENT = ["setpriv", "--pdeathsig", "KILL"]  # a run that is killed leaves no sandbox behind
DROP = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
DEVICES = ("null", "zero", "random", "urandom")


def run(module: str, function: str, arguments: dict[str, Any], folder: Path) -> Any:
    """What MODULE.FUNCTION(**arguments) returns; both as JSON. `folder` is where it finds its file system in memory.

    Raises ValueError with what the function refused, OSError where the system allows no sandbox or a limit was met.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        *WITH_ITS_PARENT,
        *UNSHARE,
        sys.executable,
        "-m",
        "tasks.engines.processes.sandbox",
        module,
        function,
        str(folder),
    ]
    try:
        done = subprocess.run(
            command, input=json.dumps(arguments), capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise OSError("generated code needs a sandbox, and there is no `unshare` here: install util-linux") from error
    except subprocess.TimeoutExpired as error:
        raise OSError(f"the sandbox was ended after {SECONDS} s: {module}.{function}") from error
    if done.returncode:
        raise OSError(f"the sandbox failed ({done.returncode}): {done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    if "refused" in found:
        raise ValueError(found["refused"])
    return found["returned"]


def confine(folder: Path) -> None:
    """Make this process's world read-only but for `folder`, and bound what it may use."""
    _mount("--make-rprivate", "/")
    cache = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    _mount("-t", "tmpfs", "-o", f"size={SCRATCH}", "tmpfs", str(folder))
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place = line.split()[4].encode().decode("unicode_escape")
        if not place.startswith(("/dev", str(folder))):
            _mount("-o", "remount,bind,ro", place)
    devices = folder / "dev"
    (devices / "shm").mkdir(parents=True)  # locks between processes are there
    for name in DEVICES:
        (devices / name).touch()
        _mount("--bind", f"/dev/{name}", str(devices / name))
    _mount("--rbind", str(devices), "/dev")
    if cache.is_dir():  # a data set is read from there, and locked meanwhile: changes go into the scratch
        for name in ("upper", "under"):
            (folder / name).mkdir()
        layers = f"lowerdir={cache},upperdir={folder / 'upper'},workdir={folder / 'under'}"
        _mount("-t", "overlay", "overlay", "-o", layers, str(cache))
    os.chdir(folder)
    os.environ |= {"TMPDIR": str(folder), "HF_HUB_OFFLINE": "1", "HF_EVALUATE_OFFLINE": "1", "HF_ALLOW_CODE_EVAL": "1"}
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def main() -> None:
    """Confine this process, and begin again as one that can do nothing about that: then the function."""
    module, function, *folder = sys.argv[1:]
    if folder:
        confine(Path(folder[0]))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # it is now in another folder
        os.execvp(DROP[0], [*DROP, sys.executable, "-m", "tasks.engines.processes.sandbox", module, function])
    arguments = json.load(sys.stdin)
    answer = os.dup(1)  # what the function prints, or a program that it runs, is no answer
    os.dup2(2, 1)
    try:
        found = {"returned": getattr(importlib.import_module(module), function)(**arguments)}
    except ValueError as error:
        found = {"refused": str(error)}
    with os.fdopen(answer, "w") as out:
        json.dump(found, out)


if __name__ == "__main__":
    main()
