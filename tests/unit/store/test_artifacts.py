"""The store: whole or not there, found by content, never trusted unread."""

import json
import shutil
from pathlib import Path

import pytest

from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.rows import Rejected, Seed
from tests.support.rows import seed

SPEC = Spec(stage="seeds", version=1, config={"max_words": 5}, inputs={"file": "abc"})


def stored(tmp_path: Path) -> tuple[Store, Ref]:
    store = Store(tmp_path)
    with store.draft(SPEC) as draft:
        draft.table("rows", [seed("Say yes."), seed("Say no.")])
        (draft.path / "weights").mkdir()
        (draft.path / "weights" / "a.bin").write_bytes(b"abc")
    found = store.find(SPEC)
    assert found
    return store, found


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    store, ref = stored(tmp_path)
    assert store.rows(ref, Seed) == [seed("Say yes."), seed("Say no.")]
    assert store.record(ref)["rows"] == {"rows": 2}


def test_rows_of_another_version_are_named_with_file_column_and_what_to_do(tmp_path: Path) -> None:
    store, ref = stored(tmp_path)

    class Grown(Seed):
        rung: int

    with pytest.raises(ValueError, match=r"rows.parquet: not rows of the kind seed .*rung is missing.*have it recomp"):
        store.rows(ref, Grown)
    with pytest.raises(ValueError, match=r"rows.parquet: .*instruction is unknown"):
        store.rows(ref, Rejected)


def test_the_same_content_has_the_same_digest_and_other_content_another(tmp_path: Path) -> None:
    one, ref = stored(tmp_path / "a")
    _, same = stored(tmp_path / "b")
    assert ref == same
    shutil.rmtree(one.path(ref))
    with one.draft(SPEC) as draft:
        draft.table("rows", [seed("Say yes.")])
    other = one.find(SPEC)
    assert other
    assert (other.fingerprint, other.digest == ref.digest) == (ref.fingerprint, False)
    assert one.find(ref) is None  # the reference means the rows that are gone


@pytest.mark.parametrize("change", ["stage", "version", "config", "inputs", "sampling"])
def test_every_part_of_the_spec_makes_another_artifact(change: str) -> None:
    values = {
        "stage": "x",
        "version": 2,
        "config": {"max_words": 6},
        "inputs": {"file": "abd"},
        "sampling": {"seed": 1},
    }
    assert SPEC.model_copy(update={change: values[change]}).fingerprint != SPEC.fingerprint


@pytest.mark.parametrize("file", ["rows.parquet", "weights/a.bin", "record.json"])
def test_one_altered_byte_is_found(tmp_path: Path, file: str) -> None:
    store, ref = stored(tmp_path)
    path = store.path(ref) / file
    content = bytearray(path.read_bytes())
    at = content.index(b'"digest"') + 14 if file == "record.json" else len(content) // 2
    content[at] ^= 1
    path.write_bytes(content)
    assert store.find(SPEC) is None


@pytest.mark.parametrize("file", ["rows.parquet", "weights/a.bin", "record.json"])
def test_a_missing_file_is_found(tmp_path: Path, file: str) -> None:
    store, ref = stored(tmp_path)
    (store.path(ref) / file).unlink()
    assert store.find(SPEC) is None


def test_a_file_too_many_is_found(tmp_path: Path) -> None:
    store, ref = stored(tmp_path)
    (store.path(ref) / "weights" / "b.py").write_text("import os")
    assert store.find(SPEC) is None


def test_an_altered_artifact_is_replaced_whole(tmp_path: Path) -> None:
    store, ref = stored(tmp_path)
    (store.path(ref) / "rows.parquet").write_bytes(b"gone")
    stored(tmp_path)
    assert store.find(SPEC) == ref
    assert [path.name for path in store.path(ref).parent.iterdir()] == [ref.fingerprint]


def test_what_another_run_made_meanwhile_stays(tmp_path: Path) -> None:
    store, ref = stored(tmp_path)
    with store.draft(SPEC) as draft:
        draft.table("rows", [seed("Say something else.")])
    assert store.find(SPEC) == ref


def test_a_draft_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def write() -> None:
        with store.draft(SPEC) as draft:
            draft.table("rows", [seed()])
            raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        write()
    assert list((tmp_path / "seeds").iterdir()) == []


def test_what_another_writes_right_now_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.draft(SPEC) as mine, store.draft(SPEC) as other:
        mine.table("rows", [seed()])
        other.table("rows", [seed()])
        assert mine.path != other.path
    assert store.find(SPEC)
    assert [path.name for path in (tmp_path / "seeds").iterdir()] == [SPEC.fingerprint]


def test_what_a_killed_process_left_is_swept_and_never_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    left = tmp_path / "seeds" / f".{SPEC.fingerprint}.0123456789ab.tmp"
    left.mkdir(parents=True)
    (left / "rows.parquet").write_bytes(b"half")
    assert store.find(SPEC) is None
    stored(tmp_path)
    assert not left.exists()


def test_the_record_says_what_a_person_asks_later(tmp_path: Path) -> None:
    store, ref = stored(tmp_path)
    record = json.loads((store.path(ref) / "record.json").read_text())
    assert {"config", "inputs", "files", "digest", "created", "packages", "commit", "seconds"} <= set(record)
