"""Seed files: which ones a path names, and their rows.

    for row in read_rows(Path("deployments/seeds/everyday.jsonl")):
        row.source, row.values      # "everyday.jsonl:1", {"prompt": "A market stall ...", "response": "Twelve ..."}

A path is a file, a pattern (`data/*.jsonl`), or a folder: of files, cloned from a hub, or saved by `datasets`. A blank
line is no row; a row that cannot be read is one with a `problem`. Whatever cannot be read as a whole is a ValueError
that says where, what was expected, what was found, and what to do.
"""

import glob
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.seeds.formats import csv_text, json_text, tables
from tasks.seeds.formats.opened import check, content, kind
from tasks.seeds.formats.raw import RawRow, refusal
from tasks.store.home import ROOT, user_path

Read = Callable[[Path, str], Iterator[RawRow]]
READERS: dict[str, Read] = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), json_text.rows),
    **dict.fromkeys((".csv", ".tsv"), csv_text.rows),
    ".parquet": lambda path, _: tables.parquet(path),
    ".arrow": lambda path, _: tables.arrow(path),
}
SAVED, SAVED_SPLITS = "state.json", "dataset_dict.json"  # which `datasets` leaves beside what it saves
ABOUT = {SAVED, SAVED_SPLITS, "dataset_info.json", "dataset_infos.json"}
TRAIN = "train"
SPLIT = re.compile(r"(?:^|[-_.])(train|test|validation|valid|val|dev|eval)(?:ing|uation)?\d*(?:$|[-_.])")


def there(given: str) -> Path | None:
    """What a recipe names, from the working directory or the project: a path, or a pattern that has files."""
    for path in (user_path(given), ROOT / given):
        if path.exists() or _matches(path):
            return path
    return None


@dataclass(frozen=True)
class Files:
    """`read`: by the name that their rows have, sorted. `left_out`: of other splits than `train`."""

    read: dict[str, Path]
    left_out: Sequence[str] = ()


def read_rows(source: Path) -> Iterator[RawRow]:
    """The rows of all files that the path names. Raises ValueError."""
    files = files_of(source)
    others = (("other_splits", f"not read beside {TRAIN}: {', '.join(files.left_out)}"),) if files.left_out else ()
    for name, path in files.read.items():
        check(path)
        rows = _reader(path)(path, kind(path))
        first = next(rows, None)
        if first is None:
            raise refusal(path, "at least one row", "none", "add rows or remove the file")
        yield replace(first, file=name, said=(*first.said, *others))
        yield from rows if name == path.name else (replace(row, file=name) for row in rows)
        others = ()


def files_of(source: Path) -> Files:
    """Raises ValueError where nothing is there, or nothing that can be read."""
    try:
        if source.is_dir():
            return _in_folder(source)
        if source.exists():
            return Files({source.name: source})
        if found := _matches(source):
            return _named(found, Path(os.path.commonpath([path.parent for path in found])))
    except OSError as error:
        raise refusal(source, "a readable path", str(error), "check its permissions") from error
    raise refusal(source, "a file or a folder", "nothing there", "check the path and where it is relative to")


def _named(found: Sequence[Path], folder: Path, left_out: Sequence[str] = ()) -> Files:
    """By where they are in the folder: in two folders may be files of one name."""
    return Files({str(path.relative_to(folder)): path for path in found}, left_out)


def _matches(pattern: Path) -> list[Path]:
    found = glob.glob(str(pattern), recursive=True) if glob.has_magic(str(pattern)) else []  # noqa: PTH207
    return sorted(path for one in found if (path := Path(one)).is_file() and kind(path) in READERS)


def _in_folder(folder: Path) -> Files:
    if (saved := folder / SAVED_SPLITS).exists():
        splits = [str(one) for one in _said(saved, "splits")]
        if TRAIN not in splits:
            raise refusal(folder, f"a split {TRAIN!r}", ", ".join(splits), "give the folder of one of them")
        return replace(_in_folder(folder / TRAIN), left_out=[one for one in splits if one != TRAIN])
    if (saved := folder / SAVED).exists():
        return _named([folder / str(one["filename"]) for one in _said(saved, "_data_files")], folder)
    found = _with_rows(folder, folder.iterdir()) or _with_rows(folder, folder.rglob("*"))  # a clone has folders
    if not found:
        known = ", ".join(READERS)
        raise refusal(folder, f"a folder with files ending in {known}", "none", "put seed files into it")
    split = {path: _split(path.relative_to(folder)) for path in found}
    if TRAIN not in split.values():
        return _named(found, folder)
    left_out = [str(path.relative_to(folder)) for path in found if split[path] not in (TRAIN, None)]
    train = [path for path in found if split[path] in (TRAIN, None)]
    named = [path.name for path in train if _split(Path(path.name)) == TRAIN]
    if len(set(named)) < len(named):
        inside = sorted({str(path.parent.relative_to(folder)) for path in train})
        advice = "give the folder of one of them"
        raise refusal(folder, f"one set with a split {TRAIN!r}", f"one in each of {', '.join(inside)}", advice)
    return _named(train, folder, left_out)


def _split(path: Path) -> str | None:
    """By the file's name, or that of a folder that it is in."""
    matches = (SPLIT.search(part.lower()) for part in reversed(path.parts))
    return next((match[1] for match in matches if match), None)


def _said(file: Path, key: str) -> list[Any]:
    try:
        found: list[Any] = json.loads(content(file))[key]
    except (ValueError, KeyError, TypeError) as error:
        raise refusal(file, f"{key!r}, as `datasets` writes it", str(error), "save the dataset again") from error
    return found


def _with_rows(folder: Path, paths: Iterator[Path]) -> list[Path]:
    seen = (path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    return sorted(path for path in seen if kind(path) in READERS and path.name not in ABOUT and path.is_file())


def _reader(path: Path) -> Read:
    if reader := READERS.get(kind(path)):
        return reader
    start = content(path, 2**12).lstrip(b"\xef\xbb\xbf \t\r\n")  # JSON lines, whatever the ending
    if start.startswith((b"{", b"[")):
        return json_text.rows
    known = ", ".join(READERS)
    found = f"the ending {path.suffix!r}"
    raise refusal(path, f"JSON, or one of the endings {known}", found, "save it in one of these formats")
