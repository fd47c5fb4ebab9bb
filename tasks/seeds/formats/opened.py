"""A file's bytes, decompressed."""

import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import BadZipFile, ZipFile

import fsspec
import pyarrow as pa
from fsspec.compression import compr, register_compression
from fsspec.utils import infer_compression

from tasks.seeds.formats.raw import refusal

LFS = b"version https://git-lfs.github.com/spec"
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, BadZipFile)

if "zstd" not in compr:  # fsspec needs another package for it, which pyarrow brings
    register_compression("zstd", lambda file, mode, **_: BufferedReader(pa.CompressedInputStream(file, "zstd")), "zst")


def kind(path: Path) -> str:
    """Its ending without that of a compression: ".csv" of `a.csv.gz`."""
    inner = path.with_suffix("") if infer_compression(path.name) else path
    return inner.suffix.lower()


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Decompressed by its ending. Raises ValueError for what cannot be read to its end."""
    try:
        if path.suffix.lower() == ".zip" and (count := len(ZipFile(path).namelist())) != 1:
            raise refusal(path, "one file in it", f"{count}", "unpack it and give the folder")
        with fsspec.open(str(path), "rb", compression="infer") as file:
            yield cast(BinaryIO, file)
    except DAMAGED as error:
        raise refusal(path, "a whole compressed file", str(error) or "its end missing", "copy it again") from error


def content(path: Path, most: int = -1) -> bytes:
    with opened(path) as file:
        return file.read(most)


def check(path: Path) -> None:
    """Raises ValueError for what is no file, or stands for one that was not fetched."""
    try:
        with path.open("rb") as file:
            start = file.read(len(LFS))
    except OSError as error:
        raise refusal(path, "a readable file", str(error), "check what it is and its permissions") from error
    if start == LFS:
        raise refusal(path, "rows", "a Git LFS pointer, a few lines in place of the file", "run `git lfs pull`")
