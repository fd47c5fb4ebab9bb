"""Digests of large files are remembered for as long as the files are what they were."""

import os
from pathlib import Path

import pytest

from tasks.store import files
from tasks.store.artifacts import Ref, Spec, Store, memory_of

SPEC = Spec(stage="sft", version=1)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which files are read, of which all count as large."""
    found, sha256 = list[str](), files.sha256
    monkeypatch.setattr(files, "LARGE_BYTES", 1)

    def noted(path: Path) -> str:
        found.append(path.name)
        return sha256(path)

    monkeypatch.setattr(files, "sha256", noted)
    return found


def stored(folder: Path) -> tuple[Store, Ref]:
    store = Store(folder)
    with store.draft(SPEC) as draft:
        (draft.path / "weights").write_bytes(b"abc")
        (draft.path / "tokenizer").write_bytes(b"d")
    found = store.find(SPEC)
    assert found
    return store, found


def test_a_file_is_read_once(tmp_path: Path, read: list[str]) -> None:
    store, ref = stored(tmp_path)
    assert sorted(read) == ["tokenizer", "weights"]  # when it was written, and not when it was found
    assert store.find(ref) == Store(tmp_path).find(SPEC) == ref
    assert len(read) == 2


def test_a_small_file_is_read_each_time(tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGE_BYTES", 2)
    store, ref = stored(tmp_path)
    read.clear()
    assert store.find(ref) == ref
    assert read == ["tokenizer"]


@pytest.mark.parametrize("how", ["in place", "another file", "longer"])
def test_a_changed_file_is_read_again(tmp_path: Path, read: list[str], how: str) -> None:
    store, ref = stored(tmp_path)
    path = store.path(ref) / "weights"
    time = path.stat()
    if how == "another file":
        path.with_name("other").write_bytes(b"abX")
        path.with_name("other").replace(path)
        os.utime(path, ns=(time.st_atime_ns, time.st_mtime_ns))
    else:
        path.write_bytes(b"abX" if how == "in place" else b"abcd")
        os.utime(path, ns=(time.st_atime_ns, time.st_mtime_ns + (how == "in place")))
    assert store.find(ref) is None


def test_what_changed_behind_its_time_is_found_when_everything_is_read(tmp_path: Path, read: list[str]) -> None:
    store, ref = stored(tmp_path)
    path = store.path(ref) / "weights"
    time = path.stat()
    path.write_bytes(b"abX")
    os.utime(path, ns=(time.st_atime_ns, time.st_mtime_ns))
    assert store.find(ref) == ref  # what a disk's fault does is not seen
    assert list(store.altered()) == [store.path(ref)]
    assert store.find(ref) is None
    assert stored(tmp_path)[1] == ref
    assert list(store.altered()) == []


def test_a_memory_that_cannot_be_read_or_written_costs_time_and_nothing_else(tmp_path: Path, read: list[str]) -> None:
    store, ref = stored(tmp_path)
    memory = memory_of(store.path(ref)).file
    memory.write_text("{not JSON")
    assert store.find(ref) == ref
    assert len(read) == 4
    memory.unlink()
    memory.mkdir()
    assert store.find(ref) == ref
    assert len(read) == 6
