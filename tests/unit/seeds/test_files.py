"""Which files a path names: one, a pattern, a folder of any kind; and compressed ones."""

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.seeds.files import files_of, read_rows
from tests.unit.seeds.formats.test_formats import CSV, LINES, ROWS, assert_refused, write


def _zip(content: bytes) -> bytes:
    file = pa.BufferOutputStream()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("inner.jsonl", content)
    return bytes(file.getvalue())


def _zst(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd"))


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": _zip,
    "zst": _zst,
}


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize(("kind", "content"), [("jsonl", LINES), ("json", json.dumps(ROWS)), ("csv", CSV)])
def test_compressed_files(tmp_path: Path, ending: str, kind: str, content: str) -> None:
    name = f"a.{kind}.{ending}"
    rows = list(read_rows(write(tmp_path / name, PACKED[ending](content.encode()))))
    assert [row.values for row in rows] == ROWS
    assert [row.source for row in rows] == [f"{name}:1", f"{name}:2"]


@pytest.mark.parametrize("ending", PACKED)
def test_one_that_is_not_whole_is_refused(tmp_path: Path, ending: str) -> None:
    whole = PACKED[ending](LINES.encode() * 500)
    for content in (whole[: len(whole) // 2], b"none at all"):
        assert_refused(write(tmp_path / f"a.jsonl.{ending}", content), ["a whole compressed file", "copy it again"])


def test_of_an_archive_of_several_files_none_is_left_out_silently(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.jsonl.zip", "w") as out:
        for name in ("one.jsonl", "two.jsonl"):
            out.writestr(name, LINES)
    assert_refused(tmp_path / "a.jsonl.zip", ["one file in it", "found 2", "unpack"])


def test_a_folder_is_read_by_name_and_other_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", LINES)
    write(tmp_path / "a.csv", CSV)
    write(tmp_path / "README.md", "# no rows")
    (tmp_path / "older").mkdir()
    write(tmp_path / "older" / "c.jsonl", LINES)
    assert [row.source for row in read_rows(tmp_path)] == ["a.csv:1", "a.csv:2", "b.jsonl:1", "b.jsonl:2"]


def test_a_pattern_names_files(tmp_path: Path) -> None:
    for name in ("one/a.jsonl", "two/a.jsonl", "two/b.csv", "two/deeper/a.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, CSV if name.endswith("csv") else LINES)
    assert list(files_of(tmp_path / "*" / "a.jsonl").read) == ["one/a.jsonl", "two/a.jsonl"]
    assert list(files_of(tmp_path / "two" / "*").read) == ["a.jsonl", "b.csv"]
    assert len(files_of(tmp_path / "**" / "*.jsonl").read) == 3
    assert [row.source for row in read_rows(tmp_path / "*" / "a.jsonl")][::2] == ["one/a.jsonl:1", "two/a.jsonl:1"]
    assert_refused(tmp_path / "*" / "c.jsonl", ["nothing there"])


def test_of_a_clone_the_split_to_train_on_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    for name in (
        "data/train-00000-of-00002.jsonl",
        "data/train-00001-of-00002.jsonl",
        "data/test-00000-of-00001.jsonl",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, LINES)
    (tmp_path / ".git").mkdir()
    write(tmp_path / ".git" / "x.jsonl", LINES)
    write(tmp_path / "dataset_infos.json", "{}")
    rows = list(read_rows(tmp_path))
    assert [row.source for row in rows][::2] == [f"data/train-0000{n}-of-00002.jsonl:1" for n in (0, 1)]
    assert rows[0].said == (("other_splits", "not read beside train: data/test-00000-of-00001.jsonl"),)
    assert [row.said for row in rows[1:]] == [()] * 3


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (["train.jsonl", "val.jsonl", "test.jsonl"], ["train.jsonl"]),
        (["training.jsonl", "testing.jsonl", "evaluation.jsonl"], ["training.jsonl"]),
        (["train1.jsonl", "train2.jsonl", "test1.jsonl"], ["train1.jsonl", "train2.jsonl"]),
        (["train/0000.jsonl", "train/0001.jsonl", "test/0000.jsonl"], ["train/0000.jsonl", "train/0001.jsonl"]),
        (["data/a.jsonl", "data/contest.jsonl"], ["data/a.jsonl", "data/contest.jsonl"]),
    ],
)
def test_splits_by_any_of_their_names(tmp_path: Path, names: list[str], read: list[str]) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, LINES)
    found = files_of(tmp_path)
    assert (sorted(found.read), sorted(found.left_out)) == (read, sorted({*names} - {*read}))


def test_of_several_sets_in_one_clone_none_is_taken_for_another(tmp_path: Path) -> None:
    for name in ("main", "socratic"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "train-00000-of-00001.jsonl", LINES)
    assert_refused(tmp_path, ["one set with a split 'train'", "one in each of main, socratic", "folder of one of them"])


def test_files_that_are_no_splits_are_all_read(tmp_path: Path) -> None:
    for name in ("test_questions.jsonl", "more.jsonl"):
        write(tmp_path / name, LINES)
    assert list(files_of(tmp_path).read) == ["more.jsonl", "test_questions.jsonl"]


def saved(folder: Path, rows: list[dict[str, object]]) -> None:
    """As `Dataset.save_to_disk` leaves it."""
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(folder / "data-00000-of-00001.arrow", table.schema) as out:
        out.write_table(table)
    write(folder / "state.json", json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    write(folder / "dataset_info.json", "{}")


def test_what_datasets_saved_is_read_and_of_several_splits_the_one_to_train_on(tmp_path: Path) -> None:
    saved(tmp_path / "one", ROWS)
    assert [row.values for row in read_rows(tmp_path / "one")] == ROWS
    for split in ("train", "test"):
        saved(tmp_path / "splits" / split, ROWS)
    write(tmp_path / "splits" / "dataset_dict.json", '{"splits": ["train", "test"]}')
    first, _ = read_rows(tmp_path / "splits")
    assert first.said == (("other_splits", "not read beside train: test"),)
    write(tmp_path / "splits" / "dataset_dict.json", '{"splits": ["dev", "test"]}')
    assert_refused(tmp_path / "splits", ["a split 'train'", "found dev, test", "give the folder of one"])
    write(tmp_path / "splits" / "dataset_dict.json", "{}")
    assert_refused(tmp_path / "splits", ["'splits', as `datasets` writes it", "save the dataset again"])


def test_paths_without_rows_are_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none.jsonl", ["none.jsonl", "nothing there", "check the path"])
    write(tmp_path / "README.md", "# no rows")
    assert_refused(tmp_path, [str(tmp_path), "a folder with files ending in .jsonl", "put seed files"])
