"""The lock of an evolution: one run at a time, and which one."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Busy(ValueError):
    """Another run has the evolution."""


class Holder(BaseModel):
    """A run that holds an evolution: its process, and its id where it has one."""

    model_config = ConfigDict(frozen=True)
    machine: str = ""
    pid: int = 0
    run: str = ""


@contextlib.contextmanager
def only_one_run(folder: Path, run: str = "") -> Iterator[None]:
    """Hold the evolution for one run, by its id; raises Busy if another holds it.

    The kernel lets go when a run dies.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"evolution {folder.name!r} has a run under way; wait for it, or give another --name") from None
        lock.truncate(0)
        lock.write(Holder(machine=socket.gethostname(), pid=os.getpid(), run=run).model_dump_json())
        lock.flush()
        for leftover in folder.glob(".*.json.*.tmp"):  # of a run that was killed while it wrote
            leftover.unlink(missing_ok=True)
        yield


def holder(folder: Path) -> Holder | None:
    """Who holds the evolution, on whatever machine; None if nobody does."""
    with contextlib.suppress(OSError), (folder / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return last_holder(folder) or Holder()  # which has just taken it
    return None


def last_holder(folder: Path) -> Holder | None:
    """Who holds the evolution, or held it last."""
    with contextlib.suppress(OSError, ValueError):
        return Holder.model_validate_json((folder / "lock").read_text(encoding="utf-8"))
    return None
