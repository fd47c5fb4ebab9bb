"""Arrays that were computed of texts, kept by what they are of: a pool grows, and most of it is what it was before."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


class Kept:
    """Below a folder; None: nothing is kept. What is found is touched, for `lance gc` removes by age."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder

    def of(self, kind: str, texts: Iterable[str], make: Callable[[], Arrays]) -> Arrays:
        """What `make` makes of the texts, and of nothing else but what `kind` says."""
        if self.folder is None:
            return make()
        file = self.folder / f"{_name(kind, texts)}.npz"
        try:
            with np.load(file, allow_pickle=False) as found:
                arrays = dict(found)
            file.touch()
        except (OSError, ValueError, EOFError, BadZipFile):  # none, or half a file of a machine that lost its power
            arrays = make()
            with contextlib.suppress(OSError):  # a home that may only be read, or a full disk
                _write(file, arrays)
        return arrays


def _name(kind: str, texts: Iterable[str]) -> str:
    found = hashlib.blake2b(kind.encode(), digest_size=16)
    for text in texts:
        content = text.encode(errors="surrogatepass")
        found.update(len(content).to_bytes(8, "little"))
        found.update(content)
    return found.hexdigest()


def _write(file: Path, arrays: Arrays) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as out:
            np.savez(out, **arrays)  # type: ignore[arg-type]
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
