"""Looking at processes from outside, by a variable that all descendants inherit."""

import time
from collections.abc import Callable

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


def wait_until(condition: Callable[[], object], timeout_s: float, what: str) -> float:
    """Seconds until the condition held; fails with `what` after the timeout."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - started
