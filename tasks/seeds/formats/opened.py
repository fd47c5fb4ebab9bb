"""A file's bytes, decompressed, and their text in the encoding that they are in."""

import codecs
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
from charset_normalizer import from_bytes
from fsspec.compression import compr, register_compression
from fsspec.utils import infer_compression

from tasks.seeds.formats.raw import refusal

BYTE_ORDER_MARK = "\ufeff"
UTF_8 = "utf-8"
MARKS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# In which spreadsheets save what is not UTF-8. Of all encodings charset-normalizer takes a Mac's for Russian.
OF_SPREADSHEETS = [*(f"cp{page}" for page in range(1250, 1259)), "cp874", "cp932", "cp949", "cp950", "gb18030"]
FEW_BYTES = 20  # beyond ASCII: of `Café` alone charset-normalizer 3.5 makes Korean
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


def encoding(start: bytes, guessed: bool = False) -> str:
    """By byte order mark, or UTF-8; what is not, but for single bytes, is `guessed` where the format names none."""
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    zeros = [start[at::2].count(0) for at in (0, 1)]
    if max(zeros) > len(start) / 5:  # of pairs: two in five letters are of ASCII
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    beyond = [line for line in start.split(b"\n") if not line.isascii()]
    whole = sum(_is_utf8(line) for line in beyond)
    if not guessed or whole >= len(beyond) - whole:
        return UTF_8
    found = from_bytes(start, cp_isolation=OF_SPREADSHEETS).best()
    few = sum(byte > 127 for byte in start) < FEW_BYTES
    return "cp1252" if few or found is None else found.encoding


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
