"""Files: written whole or not at all, and known by their SHA-256, which of large ones is remembered."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RECORD = "record.json"  # of a folder whose content is known
LARGE_BYTES = 2**20  # from which on a digest is remembered: below it is read as fast as looked up


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content(folder: Path, without: str = "", memory: "Memory | None" = None) -> dict[str, str]:
    """SHA-256 by name of all files but one."""
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    files.pop(without, None)
    return memory.digests(files) if memory else {name: sha256(path) for name, path in files.items()}


def recorded_digest(folder: Path) -> str:
    """Of an artifact's content, as its record has it; empty where there is none."""
    try:
        return str(json.loads((folder / RECORD).read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


class Memory:
    """Digests of one folder's large files, by name, each with what tells that a file is the one that was read.

    A change of its bytes that leaves size and time as they were is not seen: `lance gc --verify` reads all of them.
    """

    def __init__(self, file: Path):
        self.file = file

    def digests(self, files: Mapping[str, Path]) -> dict[str, str]:
        known, found, large = self._read(), dict[str, str](), dict[str, list[Any]]()
        for name, path in files.items():
            stat = path.stat()
            same = [stat.st_ino, stat.st_size, stat.st_mtime_ns]
            remembered = known.get(name, [])
            found[name] = remembered[3] if remembered[:3] == same else sha256(path)
            if stat.st_size >= LARGE_BYTES:
                large[name] = [*same, found[name]]
        if large != known:
            with contextlib.suppress(OSError):  # a store that may only be read
                write_atomically(self.file, json.dumps(large))
        return found

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)

    def _read(self) -> dict[str, list[Any]]:
        try:
            found: dict[str, list[Any]] = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def write_durably(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_atomically(path: Path, text: str) -> None:
    """Replace a file whole: readers see the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    write_durably(temporary, text)
    temporary.replace(path)


def lock_of(folder: Path) -> Path:
    """NFS has locks on files: on a folder they are this machine's alone."""
    return folder.with_suffix(".lock")


def locked(folder: Path) -> int:
    """A descriptor that holds the folder until it is closed; raises BlockingIOError if somebody else holds it."""
    descriptor = os.open(lock_of(folder), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def sweep(final: Path) -> None:
    """Remove what is left beside a folder and nobody writes any more: the kernel frees a dead writer's lock.

    Not by process number: in a container each run has the same one, and another's processes are not seen.
    """
    for leftover in final.parent.glob(f".{final.name}.*.tmp"):
        with contextlib.suppress(OSError):
            os.close(locked(leftover))
            shutil.rmtree(leftover)
            lock_of(leftover).unlink()


@contextlib.contextmanager
def beside(final: Path) -> Iterator[Path]:
    """A folder to write into, held by this process; what is not put in place until the end is removed."""
    final.parent.mkdir(parents=True, exist_ok=True)
    sweep(final)
    folder = final.with_name(f".{final.name}.{secrets.token_hex(6)}.tmp")
    lock = locked(folder)
    try:
        folder.mkdir()
        yield folder
    finally:
        os.close(lock)
        lock_of(folder).unlink(missing_ok=True)
        sweep(final)


def put_in_place(final: Path, made: Path) -> None:
    if final.exists():
        final.rename(final.with_name(f".{final.name}.{secrets.token_hex(6)}.tmp"))
    made.rename(final)
