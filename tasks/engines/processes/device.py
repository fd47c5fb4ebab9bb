"""The right to compute on this machine's device, for all runs of the machine: one run has it, the others wait."""

import contextlib
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self


class DeviceLock:
    """Shared by a run and the children that it starts on the device, an engine that waits and a trainer beside it.

    A lock of flock's belongs to an open file, and children inherit that: the first one takes it, the others have it by
    that, and the kernel lets go once none of them and not the run has it open any more, whatever ended them. Beside
    each lock is a second file, the queue, which whoever waits for the lock holds together with others.
    """

    def __init__(self, paths: Sequence[Path]):
        self._paths = sorted(paths)  # so that two runs cannot wait for each other
        self._opened: list[tuple[int, int]] = []

    def opened(self) -> list[tuple[int, int]]:
        """Descriptors of each lock and its queue, for a supervisor to take."""
        if not self._opened:
            self._opened = [(_open(path), _open(path.with_suffix(".queue"))) for path in self._paths]
        return self._opened

    def wanted(self) -> bool:
        """Whether another run waits for it."""
        for _, queue in self.opened():
            try:
                fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(queue, fcntl.LOCK_UN)
            except BlockingIOError:
                return True
        return False

    def let_go(self) -> None:
        """Children that have it open keep it until they end."""
        for descriptor in [one for pair in self._opened for one in pair]:
            os.close(descriptor)
        self._opened = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    def __str__(self) -> str:
        return ", ".join(map(str, self._paths))


def _open(path: Path) -> int:
    """Raises PermissionError for a file that another user keeps to themselves."""
    with contextlib.suppress(PermissionError):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
        there = os.fstat(opened)
        if there.st_uid == os.geteuid() and there.st_nlink == 1:  # no other file of ours that somebody linked to
            os.fchmod(opened, 0o666)  # whatever the umask: all users of the machine share the device
        return opened
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)  # another user's file: flock needs no right to write
