"""Checks that run what somebody wrote: in a sandbox, one item after the other, each with limits of its own.

    findings([("passes_tests", "def f(): return 1", {"tests": "assert f() == 1"})])

What an item does beyond its limits, or to anything outside of itself, is "cannot tell" with the reason, and the next
one goes on. The sandbox has no network and nothing to write to (tasks/engines/processes/sandbox.py).
"""

import contextlib
import os
import resource
import select
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.engines.processes import sandbox
from tasks.verify.checks.base import Finding, Refused, cannot_tell, found, told, verify

SECONDS, MEMORY_BYTES, PROCESSES, ANSWER_BYTES = 5.0, 2**30, 16, 2**16
LOOK_EVERY_S = 0.02
AT_ONCE = 50  # items of one sandbox: at the worst they take 250 s of its 600
Item = tuple[str, str, Mapping[str, Any]]
# What a pure function has no need for; the sandbox holds without this, and the reason is clearer with it.
REFUSED = ("os.fork", "os.posix_spawn", "subprocess.Popen", "socket.__new__", "os.system", "pty.spawn")


def findings(items: Sequence[Item]) -> list[Finding]:
    """In the order of the items: check, text, arguments.

    Raises ValueError for arguments that a check does not take, OSError where the system allows no sandbox.
    """
    said: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="lance-check-") as folder:
        for begin in range(0, len(items), AT_ONCE):
            some = [[name, text, dict(arguments)] for name, text, arguments in items[begin : begin + AT_ONCE]]
            asked = {"items": some, "folder": str(Path.cwd())}
            said += [Finding.model_validate(one) for one in sandbox.run(__name__, "judge", asked, Path(folder))]
    return said


def judge(items: Sequence[Sequence[Any]], folder: str) -> list[dict[str, str]]:
    """Inside of the sandbox, with modules of the user's from `folder`. Raises ValueError as `findings`."""
    sys.path.insert(0, folder)  # first, as `source_of` looks for them
    for ready in {found(name).ready for name, _, _ in items}:
        if ready:
            ready()  # seconds that would count as those of each item
    return [_one(name, text, arguments).model_dump() for name, text, arguments in items]


def _one(name: str, text: str, arguments: Mapping[str, Any]) -> Finding:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(read)
            _answer(write, name, text, arguments)
        finally:
            os._exit(1)  # whatever happened: it must not go on as a second judge
    os.close(write)
    try:
        said, why = _listen(read, child)
    finally:
        os.close(read)
        status = _end_all(child)
    if why:
        return cannot_tell(f"{name} was ended: {why}")
    kind, _, rest = said.partition(b"\n")
    if kind == b"refused":
        raise Refused(rest.decode())
    if kind != b"found":
        return cannot_tell(f"{name} ended by itself without a verdict (status {status}): memory, or a crash")
    return Finding.model_validate_json(rest)


def _answer(out: int, name: str, text: str, arguments: Mapping[str, Any]) -> None:
    """In a process of its own, which never returns."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS) + 1, int(SECONDS) + 1))
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    sys.addaudithook(_refuse)
    try:
        said = f"found\n{verify(name, text, arguments).model_dump_json()}"
    except Refused as error:
        said = f"refused\n{error}"
    except MemoryError:
        said = f"found\n{cannot_tell(f'{name} wanted more than {MEMORY_BYTES >> 20} MiB').model_dump_json()}"
    except BaseException as error:  # SystemExit, too: what a user's function raises is no verdict
        said = f"found\n{cannot_tell(f'{name} raised {told(error)}').model_dump_json()}"
    os.write(out, said.encode("utf-8", "replace")[:ANSWER_BYTES])
    os._exit(0)


def _refuse(event: str, given: tuple[Any, ...]) -> None:
    if event in REFUSED:
        raise PermissionError(f"{event} is not allowed in a check")
    if event == "open" and isinstance(given[0], str | bytes):
        path = Path(os.fsdecode(given[0])).resolve()
        code = [Path(one or ".").resolve() for one in (*sys.path, sys.prefix, sys.base_prefix)]
        writes = bool((given[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if writes or not any(path.is_relative_to(folder) for folder in (*code, Path("/proc/self"), Path(os.devnull))):
            raise PermissionError(f"a check may read its code and nothing else, and not {path}")


def _listen(read: int, child: int) -> tuple[bytes, str]:
    """What the child says until it ends; or why it has to be ended."""
    said, started = b"", time.monotonic()
    while True:
        if select.select([read], [], [], LOOK_EVERY_S)[0]:
            part = os.read(read, ANSWER_BYTES)
            if not part:
                return said, ""
            said += part
            if len(said) >= ANSWER_BYTES:
                return b"", f"its answer is longer than {ANSWER_BYTES >> 10} KiB"
        if time.monotonic() - started > SECONDS:
            return b"", f"it took longer than {SECONDS:g} s"
        mine = _others()
        if len(mine) > PROCESSES:
            return b"", f"it began {len(mine)} processes"
        if sum(map(_bytes_of, mine)) > MEMORY_BYTES:
            return b"", f"its processes took more than {MEMORY_BYTES >> 20} MiB"


def _others() -> list[int]:
    """Processes of this namespace but its first one, which is this one."""
    return [pid for name in os.listdir("/proc") if name.isdigit() and (pid := int(name)) != os.getpid()]


def _bytes_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):  # gone meanwhile
        return 0


def _end_all(child: int) -> int:
    """Every process of this namespace but this one, at once: none can fork away from it. The child's status."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    status = 0
    with contextlib.suppress(ChildProcessError):
        while True:  # this is the namespace's first process: all that is left without a parent becomes its child
            ended, how = os.waitpid(-1, 0)
            status = how if ended == child else status
    return status
