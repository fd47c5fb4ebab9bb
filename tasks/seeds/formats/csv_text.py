"""CSV with a header: separator, encoding and the way in which a quote is quoted are found in the file itself.

A file is held in memory as a whole. A record that does not fit the header is a row with its problem.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.seeds.formats.encodings import BYTE_ORDER_MARK, UTF_8, encoding, is_wide, read_as
from tasks.seeds.formats.opened import content
from tasks.seeds.formats.raw import RawRow, Unreadable, refusal, shown

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
OF_EXCEL = re.compile(r'"?sep=([,;\t|])"?(?=\r?\n)')  # a first line that names the separator
LOOKED_AT = 200  # records, by which the dialect is known
BEYOND = "surrogateescape"  # a byte that the encoding does not have stays one character, which marks its record


@dataclass(frozen=True)
class Dialect:
    separator: str
    backslash: bool = False  # a quote in a quoted text is \\" in place of ""
    quoted: bool = True  # else a quote is a letter, and a line is a record

    def records(self, text: str) -> Iterator[tuple[int, list[str] | csv.Error]]:
        """The line in which each ends, and its values; after an error reading goes on behind it.

        Where a quote that is never closed would take all that follows, it goes on behind the line that it is in.
        """
        lines, before = io.StringIO(text, newline=""), 0
        reader = self._reader(lines)
        while True:
            at, line = lines.tell(), reader.line_num
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if lines.tell() == len(text) and line + 1 < reader.line_num:
                    lines.seek(at)
                    lines.readline()
                    before, reader = before + line + 1, self._reader(lines)
                    yield before, error
                else:
                    yield before + reader.line_num, error
            else:
                if record:
                    yield before + reader.line_num, record

    def _reader(self, lines: io.StringIO) -> Any:
        how: dict[str, Any] = {"escapechar": "\\", "doublequote": False} if self.backslash else {}
        how |= {"delimiter": self.separator, "skipinitialspace": True}  # else a quote behind a blank is text
        how |= {} if self.quoted else {"quoting": csv.QUOTE_NONE}
        return csv.reader(lines, strict=True, **how)

    def fits(self, text: str) -> tuple[float, int]:
        """The share of the first records that are as long as the header, and how long that is; 0 for one column."""
        found = [one for _, one in islice(self.records(text), LOOKED_AT)]
        if not found or isinstance(found[0], csv.Error) or len(found[0]) < 2:
            return 0.0, 0
        width = len(found[0])
        return sum(not isinstance(one, csv.Error) and len(one) == width for one in found) / len(found), width


def rows(path: Path, kind: str) -> Iterator[RawRow]:
    """Raises ValueError for a file without a header that names each column once."""
    data = content(path)
    written_in = encoding(data)
    text = data.decode(written_in, errors="replace" if is_wide(written_in) else BEYOND)
    text = text.removeprefix(BYTE_ORDER_MARK)
    csv.field_size_limit(max(len(text), csv.field_size_limit()))  # its default refuses texts over 131,072 characters
    separators = ["\t"] if kind == ".tsv" else list(SEPARATORS)
    if named := OF_EXCEL.match(text):
        separators, text = [named[1]], text[named.end() :]
    escaped = [False, True] if '\\"' in text else [False]  # such a dialect lets pass what is not quoted at all
    dialects = [Dialect(one, backslash) for one in separators for backslash in escaped]
    dialect = max(dialects, key=lambda one: one.fits(text))
    if '"' in text and _is_unquoted(text, dialect):
        dialect = replace(dialect, quoted=False)
    records = dialect.records(text)
    _, header = next(records, (0, []))
    if not isinstance(header, csv.Error):  # spreadsheets and pandas have columns without a name
        header = [name or f"Unnamed: {place}" for place, name in enumerate(header)]
    if isinstance(header, csv.Error) or len(set(header)) < len(header):
        found = str(header) if isinstance(header, csv.Error) else shown(header)
        raise refusal(path.name, "a header that names each column once", found, "mend the first line")
    for number, (line, record) in enumerate(records, 1):
        row = RawRow(path.name, number, {}, line, said=_said(data, written_in, dialect, kind) if number == 1 else ())
        try:
            yield replace(row, values=dict(zip(header, _whole(record, len(header), written_in), strict=True)))
        except Unreadable as error:
            yield replace(row, problem=str(error))


def _is_unquoted(text: str, dialect: Dialect) -> bool:
    """Of values between tabs, where each line is a record by its tabs alone, and by quotes is not."""
    if dialect.separator != "\t":
        return False
    lines = [line for line in io.StringIO(text) if line.strip()]
    if len({line.count("\t") for line in lines}) != 1:
        return False
    return sum(not isinstance(record, csv.Error) for _, record in dialect.records(text)) < len(lines)


def _whole(record: list[str] | csv.Error, width: int, written_in: str) -> list[str]:
    if isinstance(record, csv.Error):
        raise Unreadable("valid CSV", str(record), 'quote with " and double a quote inside quotes')
    if len(record) != width:
        advice = "quote fields that hold separators or line ends"
        raise Unreadable(f"{width} fields as in the header", str(len(record)), advice)
    for value in record:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            found = f"the byte 0x{ord(value[error.start]) & 0xFF:02x} in {shown(value[: error.start])}"
            raise Unreadable(f"{written_in.upper()} text", found, "save the file as UTF-8") from error
    return record


def _said(data: bytes, written_in: str, dialect: Dialect, kind: str) -> tuple[tuple[str, str], ...]:
    """What a user would want to know of how it was read."""
    found = []
    if data.startswith(codecs.BOM_UTF8):
        found.append(("byte_order_mark", "removed from the start of the file"))
    if written_in != UTF_8:
        found.append(read_as(written_in))
    if dialect.separator != "," and kind != ".tsv":
        found.append(("separator", f"its values are separated by {SEPARATORS[dialect.separator]}"))
    return tuple(found)
