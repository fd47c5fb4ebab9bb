"""What a model's code might try in the sandbox (tests/real/test_sandbox.py)."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any


def write(path: str, text: str = "was here") -> str:
    try:
        Path(path).write_text(text)
    except OSError as error:
        return type(error).__name__
    return "written"


def mount_again() -> list[int]:
    """What `mount` and `umount` end with that would undo the sandbox."""
    commands = (["mount", "-o", "remount,bind,rw", "/"], ["mount", "-t", "tmpfs", "tmpfs", "/mnt"], ["umount", "/dev"])
    return [subprocess.run(command, capture_output=True, check=False).returncode for command in commands]


def devices() -> list[str]:
    return sorted(os.listdir("/dev"))


def connect(port: int) -> str:
    try:
        socket.create_connection(("127.0.0.1", port), 2)
    except OSError as error:
        return type(error).__name__
    return "connected"


def allocate(gib: int) -> str:
    try:
        found = bytearray(gib * 2**30)
    except MemoryError:
        return "MemoryError"
    return str(len(found))


def fill(mib: int) -> str:
    """Into its own scratch folder, in several files."""
    try:
        for i in range(mib // 32):
            Path(f"{i}.bin").write_bytes(b"x" * 32 * 2**20)
    except OSError as error:
        return type(error).__name__
    return "filled"


def leave_behind(mark: str) -> str:
    """A process that goes on when this one has ended."""
    command = [sys.executable, "-c", "import time; time.sleep(60)", mark]
    subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return "started"


def processes() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]


def shout() -> dict[str, Any]:
    print('{"returned": "something else"}')
    os.system("echo '{\"returned\": 1}'")
    return {"said": "this"}


def refuse() -> None:
    raise ValueError("no such metric")


def crash() -> None:
    raise RuntimeError("out of order")
