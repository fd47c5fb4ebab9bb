"""A text that all machines of a home have in common: a file in LANCE_HOME, or an object, where LANCE_STORE names one.

Two that write at once: one of them is told, and nothing is lost. Files have locks for that (tasks/evolution/lock.py);
an object is replaced only as it was seen last.
"""

import fcntl
from collections.abc import Callable
from pathlib import Path

from tasks.store.files import write_atomically
from tasks.store.rows import digest
from tasks.store.shared.objects import Objects, Version


class Superseded(RuntimeError):
    """Another one has written the text since it was read."""


class Document:
    """`key` is its path in the home, and the object's. `copied`: a copy lies in `file`, and a file from before there
    was an object store is put there when it is read; not of texts that come and go.
    """

    def __init__(self, file: Path, key: str, objects: Objects | None = None, *, copied: bool = True):
        self.file, self.key, self._objects, self._copied = file, key, objects, copied
        self._seen: Version | None = None
        self._looked = False

    def __str__(self) -> str:
        return f"{self._objects.url}/{self.key}" if self._objects else str(self.file)

    @property
    def name(self) -> str:
        return self.file.name

    def read(self) -> str | None:
        """None where there is none."""
        here = _text(self.file)
        if self._objects is None:
            return here
        found = self._objects.read(self.key)
        if found is None and here is not None and self._copied:
            self._objects.create(self.key, here)
            found = self._objects.read(self.key)
        self._looked, self._seen = True, found.version if found else None
        if found is None:
            return here
        if self._copied:
            if here not in (None, found.text) and digest(here) not in (_text(self._mark) or ""):
                raise ValueError(
                    f"{self.file} was changed without the object store, and {self} says something else: expected that "
                    "one of them is kept; move the file away to have the other one's"
                )
            self._copy(found.text)
        return found.text

    def write(self, text: str) -> None:
        """Raises Superseded where another one wrote it since it was read or written here."""
        if self._objects is None:
            write_atomically(self.file, text)
            return
        if not self._looked:
            self.read()
        put = self._objects
        now = put.replace(self.key, text, self._seen) if self._seen else put.create(self.key, text)
        if now is None:
            self._looked = False
            raise Superseded(f"{self}: another run has written it meanwhile; look at what it says, and run this again")
        self._seen = now
        if self._copied:
            self._copy(text)

    def change(self, change: Callable[[str | None], str]) -> None:
        """Write what `change` makes of it; again where somebody else was faster."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            while True:
                try:
                    self.write(change(self.read()))
                except Superseded:
                    continue
                return

    def remove(self) -> None:
        if self._objects:
            self._objects.remove([self.key])
        self.file.unlink(missing_ok=True)
        self._looked, self._seen = self._objects is not None, None

    @property
    def _mark(self) -> Path:
        """Digests of the texts that were copied from the object store last: another one was written without it."""
        return self.file.with_name(f".{self.file.name}.shared")

    def _copy(self, text: str) -> None:
        here = _text(self.file)
        if here != text:
            write_atomically(self._mark, "\n".join(digest(one) for one in (here, text) if one is not None))
            write_atomically(self.file, text)


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
