"""Seed files: JSON lines, JSON, CSV or Parquet, one file or a folder of them, as raw rows in the order of the files.

    for row in read_rows(Path("deployments/seeds/everyday.jsonl")):
        row.source, row.values      # "everyday.jsonl:1", {"prompt": "A market stall ...", "response": "Twelve ..."}

Text is UTF-8; a blank line is no row. A file that cannot be read in full is refused as a whole: every error is a
ValueError that says where, what was expected, what was found, and what to do. JSON lines and Parquet are read a part at
a time, JSON and CSV are held in memory as a whole.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

BYTE_ORDER_MARK = "\ufeff"
SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class RawRow:
    """One row as it is in its file. `row` counts from 1 within the file, without blank lines and the CSV header."""

    file: str  # its name without the folder
    row: int
    values: dict[str, object]
    line: int | None = None  # where the row ends, in a format that has lines
    byte_order_mark: bool = False  # on the first row of a file that began with one

    @property
    def source(self) -> str:
        return f"{self.file}:{self.row}"

    @property
    def where(self) -> str:
        """`source` for error messages, with the line that an editor shows."""
        return self.source + (f" (line {self.line})" if self.line else "")


def refusal(where: str | Path, expected: str, found: str, advice: str) -> ValueError:
    return ValueError(f"{where}: expected {expected}, found {found}; {advice}")


def shown(value: object) -> str:
    """A value as JSON, cut to what a message can hold."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def read_rows(source: Path) -> Iterator[RawRow]:
    """The rows of a file, or of all files of a known ending in a folder, sorted by name. Raises ValueError."""
    for path in _files(source):
        if parse := WHOLE.get(path.suffix.lower()):
            text = _text(path, _bytes(path))
            rows = parse(path.name, text.removeprefix(BYTE_ORDER_MARK))
            marked = text.startswith(BYTE_ORDER_MARK)
        else:
            rows = IN_PARTS[path.suffix.lower()](path)
            marked = _bytes(path, len(BYTE_ORDER_MARK.encode())) == BYTE_ORDER_MARK.encode()
        first = next(rows, None)
        if first is None:
            raise refusal(path, "at least one row", "none", "add rows or remove the file")
        yield replace(first, byte_order_mark=marked)
        yield from rows


def _files(source: Path) -> list[Path]:
    known = ", ".join(ENDINGS)
    try:
        if not source.exists():
            raise refusal(source, "a file or a folder", "nothing there", "check the path and where it is relative to")
        if not source.is_dir():
            if source.suffix.lower() not in ENDINGS:
                found = f"the ending {source.suffix!r}"
                raise refusal(source, f"one of the endings {known}", found, "convert or rename the file")
            return [source]
        files = sorted(path for path in source.iterdir() if path.suffix.lower() in ENDINGS)
    except OSError as error:
        raise refusal(source, "a readable path", str(error), "check its permissions") from error
    if not files:
        raise refusal(source, f"a folder with files ending in {known}", "none", "put seed files into it")
    return files


def _bytes(path: Path, most: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise refusal(path, "a readable file", str(error), "check what it is and its permissions") from error


def _text(path: Path, part: bytes, start: int = 0, first_line: int = 1) -> str:
    """Of a part that starts at byte `start` of the file."""
    try:
        return part.decode()
    except UnicodeDecodeError as error:
        line = part.count(b"\n", 0, error.start) + first_line
        found = f"the byte 0x{part[error.start]:02x} at byte {start + error.start} of the file"
        raise refusal(f"{path.name}, line {line}", "UTF-8 text", found, "save the file as UTF-8") from error


def _json_lines(path: Path) -> Iterator[RawRow]:
    """A line ends in a line feed and nowhere else: JSON allows U+2028 and its like inside a string."""
    start, row = 0, 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = _text(path, line, start, number)
            text, start = text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text, start + len(line)
            if text.strip():
                row += 1
                value = _parsed(text.removesuffix("\n"), f"{path.name}:{row}", first_line=number)
                yield _object(value, RawRow(path.name, row, {}, number), "write one object per line")


def _json(file: str, text: str) -> Iterator[RawRow]:
    if not text.strip():
        return
    value = _parsed(text, file)
    lists = [item for item in value.values() if isinstance(item, list)] if isinstance(value, dict) else [value]
    if len(lists) != 1 or not isinstance(lists[0], list):
        expected = "a list of objects, or an object with exactly one list in it"
        raise refusal(file, expected, shown(value), "bring the rows into one list")
    for row, item in enumerate(lists[0], 1):
        yield _object(item, RawRow(file, row, {}), "make every item of the list an object")


def _object(value: object, row: RawRow, advice: str) -> RawRow:
    if not isinstance(value, dict):
        raise refusal(row.where, 'an object such as {"prompt": "...", "response": "..."}', shown(value), advice)
    return replace(row, values=value)


def _parsed(text: str, where: str, first_line: int = 1) -> object:
    try:
        value: object = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # an escaped half of a surrogate pair is JSON, but not text
    except json.JSONDecodeError as error:
        found = f"{error.msg!r} at line {first_line + error.lineno - 1}, column {error.colno}"
        raise refusal(where, "valid JSON", found, "mend the file there") from error
    except (ValueError, RecursionError) as error:  # besides surrogates: thousands of digits, thousands of brackets
        raise refusal(where, "JSON of text and plain numbers", str(error), f"mend line {first_line}") from error
    return value


def _csv(file: str, text: str) -> Iterator[RawRow]:
    csv.field_size_limit(max(len(text), csv.field_size_limit()))  # its default refuses texts over 131,072 characters
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    row = 0
    try:
        records = (record for record in reader if record)
        header = next(records, [])
        if len(set(header)) < len(header):
            raise refusal(file, "a header that names each column once", shown(header), "rename the columns")
        for row, record in enumerate(records, 1):
            found = RawRow(file, row, dict(zip(header, record, strict=False)), reader.line_num)
            if len(record) != len(header):
                expected = f"{len(header)} fields as in the header"
                raise refusal(found.where, expected, str(len(record)), "quote fields that hold commas or line ends")
            yield found
    except csv.Error as error:
        where = f"{file}:{row + 1} (line {reader.line_num})"
        raise refusal(where, "valid CSV", str(error), 'quote with " and double a quote inside quotes') from error


def _parquet(path: Path) -> Iterator[RawRow]:
    row = 0
    try:
        with pq.ParquetFile(path) as file:
            found = (values for batch in file.iter_batches() for values in batch.to_pylist())
            for row, values in enumerate(found, 1):
                yield RawRow(path.name, row, values)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        where = f"{path.name}, after row {row}"
        raise refusal(where, "a whole Parquet file of plain values", str(error), "write or copy it again") from error


WHOLE: dict[str, Callable[[str, str], Iterator[RawRow]]] = {".json": _json, ".csv": _csv}
IN_PARTS: dict[str, Callable[[Path], Iterator[RawRow]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
ENDINGS = (".jsonl", ".ndjson", *WHOLE, ".parquet")
