"""A file to which lines are added, as objects: every few seconds what it has grown by, so that others go on from there.

PREFIX/COUNT-TOKEN.jsonl          so many lines
"""

import contextlib
import logging
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from uuid import uuid4

from tasks.store.shared.objects import Objects

PART_S = 10.0  # what a dead machine's successor asks again, at most
SUFFIX = ".jsonl"
LOG = logging.getLogger("lance.lines")


class Lines:
    def __init__(self, objects: Objects, prefix: str, file: Path):
        self._objects, self._prefix, self._file = objects, prefix, file
        self._end = 0

    def read(self) -> Iterator[bytes]:
        """Of all parts that are there, whoever put them."""
        for key in self._parts():
            if found := self._objects.read(key):
                yield from found.text.encode().splitlines()

    @contextlib.contextmanager
    def put(self) -> Iterator[None]:
        """What the file grows by while the block runs, and what a killed process had not put yet.

        Raises what putting the last of it did.
        """
        there = sum(map(_lines_in, self._parts()))
        here = self._file.read_bytes().count(b"\n") if self._file.exists() else 0
        self._end = self._file.stat().st_size if 0 < here <= there else 0
        over = threading.Event()
        putting = threading.Thread(target=self._put_until, args=(over,), daemon=True, name=f"lines {self._prefix}")
        putting.start()
        try:
            yield
        finally:
            over.set()
            putting.join()
            self._put_new()

    def _parts(self) -> list[str]:
        return [one.key for one in self._objects.entries(self._prefix) if one.key.endswith(SUFFIX)]

    def _put_until(self, over: threading.Event) -> None:
        while not over.wait(PART_S):
            try:
                self._put_new()
            except Exception as error:  # obstore's, after minutes: the next part has it all
                LOG.warning("%s: its answers are not put yet: %s", self._prefix, error)

    def _put_new(self) -> None:
        with contextlib.suppress(FileNotFoundError), self._file.open("rb") as file:
            file.seek(self._end)
            new = file.read().rpartition(b"\n")[0]
            if not new:
                return
            count, text = new.count(b"\n") + 1, new + b"\n"
            self._objects.create(f"{self._prefix}/{count}-{uuid4().hex}{SUFFIX}", text.decode())
            self._end += len(text)


def count(objects: Objects, prefixes: Collection[str]) -> int:
    """Lines of all files with these prefixes, which have one folder in common."""
    if not prefixes:
        return 0
    wanted, (folder,) = set(prefixes), {prefix.rpartition("/")[0] for prefix in prefixes}
    keys = (one.key for one in objects.entries(folder) if one.key.endswith(SUFFIX))
    return sum(_lines_in(key) for key in keys if key.rpartition("/")[0] in wanted)


def _lines_in(key: str) -> int:
    return int(key.rpartition("/")[2].partition("-")[0])
