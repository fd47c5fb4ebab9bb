"""Looking at processes from outside, by what all descendants inherit: a variable, or the file they write to."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil


def marked(name: str, value: str) -> list[psutil.Process]:
    """Living processes whose environment has name=value."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
    return found


def writing_below(folder: str) -> list[psutil.Process]:
    """Living processes with an open file below `folder`. vLLM's engine core writes its title over its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(link.readlink()).startswith(folder) for link in Path(f"/proc/{process.pid}/fd").iterdir()):
                found.append(process)
        except (psutil.NoSuchProcess, OSError):
            continue
    return found


def command_line(process: psutil.Process) -> str:
    """With which it was started; empty of one that has ended since it was found."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def wait_until(condition: Callable[[], object], timeout_s: float, what: str, every_s: float = 0.02) -> float:
    """Seconds until the condition held; fails with `what` after the timeout."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(every_s)
    return time.monotonic() - started


def wait_until_gone(processes: Callable[[], list[psutil.Process]], timeout_s: float) -> float:
    """Seconds until none was left; fails with who is left after the timeout."""
    started = time.monotonic()
    while left := processes():
        assert time.monotonic() - started < timeout_s, f"left after {timeout_s} s: {left}"
        time.sleep(0.02)
    return time.monotonic() - started
