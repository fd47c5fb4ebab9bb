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

from tasks.seeds.formats.encodings import BYTE_ORDER_MARK, UTF_8, encoding, read_as
from tasks.seeds.formats.opened import content
from tasks.seeds.formats.raw import RawRow, Unreadable, refusal, shown

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
OF_EXCEL = re.compile(r'"?sep=([,;\t|])"?(?=\r?\n)')  # a first line that names the separator
LOOKED_AT = 200  # records, by which the dialect is known
BEYOND_UTF8 = "surrogateescape"  # a byte that is no UTF-8 stays one character, which marks its record


@dataclass(frozen=True)
class Dialect:
    separator: str
    backslash: bool = False  # a quote in a quoted text is \\" in place of ""

    def records(self, text: str) -> Iterator[tuple[int, list[str] | csv.Error]]:
        """The line in which each ends, and its values; after an error reading goes on behind it."""
        how: dict[str, Any] = {"escapechar": "\\", "doublequote": False} if self.backslash else {}
        how |= {"delimiter": self.separator, "skipinitialspace": True}  # else a quote behind a blank is text
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, **how)
        while True:
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, error
            else:
                if record:
                    yield reader.line_num, record

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
    text = data.decode(written_in, errors=BEYOND_UTF8 if written_in == UTF_8 else "replace")
    text = text.removeprefix(BYTE_ORDER_MARK)
    csv.field_size_limit(max(len(text), csv.field_size_limit()))  # its default refuses texts over 131,072 characters
    separators = ["\t"] if kind == ".tsv" else list(SEPARATORS)
    if named := OF_EXCEL.match(text):
        separators, text = [named[1]], text[named.end() :]
    escaped = [False, True] if '\\"' in text else [False]  # such a dialect lets pass what is not quoted at all
    dialects = [Dialect(one, backslash) for one in separators for backslash in escaped]
    dialect = max(dialects, key=lambda one: one.fits(text))
    records = dialect.records(text)
    _, header = next(records, (0, []))
    if isinstance(header, csv.Error) or len(set(header)) < len(header):
        found = str(header) if isinstance(header, csv.Error) else shown(header)
        raise refusal(path.name, "a header that names each column once", found, "mend the first line")
    for number, (line, record) in enumerate(records, 1):
        row = RawRow(path.name, number, {}, line, said=_said(data, written_in, dialect, kind) if number == 1 else ())
        try:
            yield replace(row, values=dict(zip(header, _whole(record, len(header)), strict=True)))
        except Unreadable as error:
            yield replace(row, problem=str(error))


def _whole(record: list[str] | csv.Error, width: int) -> list[str]:
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
            raise Unreadable("UTF-8 text", found, "save the file as UTF-8") from error
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
