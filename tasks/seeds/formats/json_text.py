"""JSON as one value that holds rows (formats/json_value.py), or objects behind each other, one a line: whatever the
file's ending.

    for row in rows(Path("seeds.jsonl")): ...

Lines are read as they are asked for; one value is held in memory as a whole.
"""

import codecs
import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path

from tasks.seeds.formats.encodings import BYTE_ORDER_MARK, UTF_8, encoding, is_wide, read_as
from tasks.seeds.formats.json_value import is_conversation, items_of
from tasks.seeds.formats.opened import content, opened
from tasks.seeds.formats.raw import RawRow, Unreadable, refusal, shown

LINES = (".jsonl", ".ndjson")
START_BYTES = 2**20  # by which a file is known: lines of JSON, or one value
STARTS, DECODER = re.compile(r"\S"), json.JSONDecoder()
MARKED = ("byte_order_mark", "removed from the start of the file")


def rows(path: Path, kind: str) -> Iterator[RawRow]:
    """`kind` is the file's ending. Raises ValueError for a file of which nothing can be read."""
    start = content(path, START_BYTES)
    written_in = encoding(start)
    first = start.decode(written_in, errors="replace").removeprefix(BYTE_ORDER_MARK)
    found = _lines(path, written_in) if _is_lines(first, kind) else _of_value(path, written_in)
    said = [MARKED] if start.startswith(codecs.BOM_UTF8) else []
    said += [read_as(written_in)] if written_in != UTF_8 else []
    for row in found:
        yield replace(row, said=(*said, *row.said)) if row.row == 1 else row


def _is_lines(start: str, kind: str) -> bool:
    """Of a file that begins so."""
    lines = [line for line in start.split("\n") if line.strip()]
    if not lines:
        return True
    if kind in LINES:  # but for a list in several lines, or in one with what is in it, and objects in several each
        return lines[0].strip() != "{" and not (
            lines[0].lstrip().startswith("[") and (len(lines) == 1 or not _parses(lines[0]))
        )
    return len(lines) > 1 and _parses(lines[0]) and lines[0].lstrip().startswith(("{", "["))


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(path: Path, written_in: str) -> Iterator[RawRow]:
    """A line ends in a line feed and nowhere else: JSON allows U+2028 and its like inside a string."""
    row = 0
    with opened(path) as file:
        # A line feed of UTF-16 or UTF-32 is two bytes or four. Others are decoded line by line: one may be bad.
        lines = TextIOWrapper(file, written_in, newline="\n") if is_wide(written_in) else file
        for number, line in enumerate(_read(path, lines, written_in), 1):
            where = RawRow(path.name, row + 1, {}, number)
            try:
                text = line if isinstance(line, str) else _text(line, written_in)
                text = text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text
                if not text.strip():
                    continue
                found = replace(
                    where, values=_object(parsed(text.removesuffix("\n"), number), "write one object a line")
                )
            except Unreadable as error:
                found = replace(where, problem=str(error))
            row += 1
            yield found


def _read(path: Path, lines: Iterable[bytes | str], written_in: str) -> Iterator[bytes | str]:
    try:
        yield from lines
    except UnicodeDecodeError as error:
        raise refusal(path.name, f"{written_in} text", str(error), "save the file as UTF-8") from error


def _text(line: bytes, written_in: str) -> str:
    """UTF-8 where it is that: what the file's other lines are in was guessed."""
    with contextlib.suppress(UnicodeDecodeError):
        return line.decode()
    try:
        return line.decode(written_in)
    except UnicodeDecodeError as error:
        found = f"the byte 0x{line[error.start]:02x} at byte {error.start} of the line"
        raise Unreadable(f"{written_in.upper()} text", found, "save the file as UTF-8") from error


def _of_value(path: Path, written_in: str) -> Iterator[RawRow]:
    try:
        text = content(path).decode(written_in).removeprefix(BYTE_ORDER_MARK)
        try:
            value = parsed(text)
        except Unreadable:
            value = parsed(_as_list(text))
    except UnicodeDecodeError as error:
        raise refusal(path.name, f"{written_in} text", str(error), "save the file as UTF-8") from error
    except Unreadable as error:
        raise ValueError(f"{path.name}: {error}") from error
    found = items_of(value)
    if found is None:
        expected = "a list of objects, or an object with exactly one list in it"
        raise refusal(path.name, expected, shown(value), "bring the rows into one list")
    items, said = found
    for row, item in enumerate(items, 1):
        try:
            values = _object(item, "make every item of the list an object")
            yield RawRow(path.name, row, values, said=said if row == 1 else ())
        except Unreadable as error:
            yield RawRow(path.name, row, {}, problem=str(error))


def _as_list(text: str) -> str:
    """Of objects behind each other, as `jq .` writes them; anything else as it is."""
    at, parts = 0, list[str]()
    with contextlib.suppress(ValueError, RecursionError):
        while start := STARTS.search(text, at):
            _, at = DECODER.raw_decode(text, start.start())
            parts.append(text[start.start() : at])
    whole = len(parts) > 1 and not text[at:].strip() and all(part.startswith("{") for part in parts)
    return f"[{','.join(parts)}]" if whole else text


def _object(value: object, advice: str) -> dict[str, object]:
    """A list of messages is a row that has nothing beside them."""
    if is_conversation(value):
        return {"messages": value}
    if not isinstance(value, dict):
        raise Unreadable('an object such as {"prompt": "...", "response": "..."}', shown(value), advice)
    return value


def parsed(text: str, first_line: int = 1) -> object:
    """Raises Unreadable for what is no JSON, or holds what is no text."""
    try:
        value: object = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # an escaped half of a surrogate pair is JSON, but not text
    except json.JSONDecodeError as error:
        found = f"{error.msg!r} at line {first_line + error.lineno - 1}, column {error.colno}"
        raise Unreadable("valid JSON", found, "mend the file there") from error
    except UnicodeEncodeError as error:
        raise Unreadable("text", "half of a surrogate pair", f"mend line {first_line}") from error
    except RecursionError as error:
        raise Unreadable(
            "rows of text", "lists within each other, thousands deep", f"mend line {first_line}"
        ) from error
    except ValueError as error:
        raise Unreadable(
            "plain numbers", "one of thousands of digits", f"put text there, in line {first_line}"
        ) from error
    return value
