"""Artifacts in an object store: whole or not there, the same for all machines, and never changed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from flows.cli.doctor import examine
from tasks.engines.processes.progress import Progress
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.home import ROOT
from tasks.store.rows import Seed
from tasks.store.shared.bucket import Bucket
from tasks.store.shared.objects import Objects
from tests.support.processes import wait_until
from tests.support.s3 import NAME, S3, running

SPEC = Spec(stage="pool", version=1)
FILE_BYTES = 64 * 2**20
MAKES = f"""
import os, sys
from pathlib import Path
from tasks.store.artifacts import Spec, Store
from tasks.store.shared.bucket import Bucket
store = Store(Path(sys.argv[1]), Bucket.given())
with store.draft(Spec(stage="pool", version=1)) as draft:
    (draft.path / "large").write_bytes(os.urandom({FILE_BYTES}))
    print("made", flush=True)
"""


def store(folder: Path) -> Store:
    return Store(folder, Bucket.given())


def make(of: Store, text: str) -> Ref:
    """An artifact that says so."""
    with of.draft(SPEC) as draft:
        draft.table("rows", [Seed(instruction="Say it.", response=text)])
    found = of.find(SPEC)
    assert found
    return found


def said(of: Store, ref: Ref) -> str:
    return of.rows(ref, Seed)[0].response


def test_what_one_machine_made_another_one_has(s3: S3, tmp_path: Path) -> None:
    one, other = store(tmp_path / "one"), store(tmp_path / "other")
    assert other.find(SPEC) is None
    made = make(one, "made once")
    there = s3.objects()
    assert other.find(SPEC) == made and said(other, made) == "made once"
    assert other.record(made) == one.record(made)
    assert other.find(made) == made and one.find(made) == made
    with other.draft(SPEC) as draft:
        draft.table("rows", [Seed(instruction="Say it.", response="made twice")])
    assert other.find(SPEC) == made
    assert s3.objects() == there, "nothing is put there twice"


def test_what_was_made_before_there_was_a_bucket_is_put_there_when_it_is_used(s3: S3, tmp_path: Path) -> None:
    made = make(Store(tmp_path / "one"), "made before")
    assert store(tmp_path / "other").find(SPEC) is None
    assert store(tmp_path / "one").find(SPEC) == made
    assert store(tmp_path / "other").find(SPEC) == made


def test_of_two_that_make_it_at_once_one_counts_for_both(s3: S3, tmp_path: Path) -> None:
    both, together = [store(tmp_path / "one"), store(tmp_path / "other")], threading.Barrier(2)
    found: list[Ref] = []

    def work(it: Store, text: str) -> None:
        with it.draft(SPEC) as draft:
            draft.table("rows", [Seed(instruction="Say it.", response=text)])
            together.wait()
        ref = it.find(SPEC)
        assert ref
        found.append(ref)

    threads = [threading.Thread(target=work, args=(it, text)) for it, text in zip(both, ("a", "b"), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and found[0] == found[1]
    assert said(both[0], found[0]) == said(both[1], found[0])


def test_killed_in_the_middle_of_a_file_it_is_not_there_and_is_made_again(s3: S3, tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAKES, str(tmp_path / "one")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ) as writer:
        assert writer.stdout and writer.stdout.readline() == b"made\n"
        wait_until(lambda: _uploads(s3), 30, "a part of the file")
        writer.send_signal(signal.SIGKILL)
    other = store(tmp_path / "other")
    assert other.find(SPEC) is None and store(tmp_path / "one").find(SPEC) is None
    made = make(store(tmp_path / "one"), "again")
    assert other.find(SPEC) == made
    assert not list((tmp_path / "one" / "pool").glob(".*.tmp")), "what the killed one left"


def _uploads(s3: S3) -> bool:
    """Whether a file is being put there in parts."""
    return "<UploadId>" in httpx.get(f"{s3.url}/{NAME}?uploads").text


def test_a_server_that_is_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        it = store(tmp_path / "one")
        s3.stop()
        back = threading.Timer(5, s3.start)
        back.start()
        started = time.monotonic()
        made = make(it, "made meanwhile")
        assert time.monotonic() - started > 4
        back.join()
        assert store(tmp_path / "other").find(SPEC) == made


def test_a_file_that_is_not_what_was_put_there_is_not_taken(s3: S3, tmp_path: Path) -> None:
    make(store(tmp_path / "one"), "whole")
    (key,) = [key for key in s3.objects() if s3_prefix() in key and not key.endswith("record.json")]
    s3.replace(key, b"something else")
    other = store(tmp_path / "other")
    assert other.find(SPEC) is None
    with pytest.raises(OSError, match="is there, and not whole: delete it there"):
        make(other, "made again")


def s3_prefix() -> str:
    return os.environ["LANCE_STORE"].rpartition("/")[2]


def test_the_doctor_tries_it(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.cli.doctor._imported", lambda _: ["1", "2", "3"])
    monkeypatch.setattr("flows.cli.doctor._database", lambda _: None)
    found = {one.what: one for one in examine(Progress(quiet=True)) if one}
    assert found["object store"].works, found["object store"]
    monkeypatch.setattr(Objects, "check", lambda self: (_ for _ in ()).throw(ValueError("it replaces what is there")))
    refused = next(one for one in examine(Progress(quiet=True)) if one and one.what == "object store")
    assert not refused.works and "LANCE_STORE" in refused.advice


@pytest.mark.parametrize("url", ["/a/folder", "http://host/bucket", "ftp://x/y", "s3://bucket", "s3://bucket/"])
def test_an_address_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected s3://, gs:// or az://"):
        Objects(url)
