"""A shard's journal: answers survive a kill, and half a line does not count."""

import errno
import resource
from pathlib import Path

import pytest

from tasks.engines.calls import Answer
from tasks.engines.journal import Journal


def answer(call: str) -> Answer:
    return Answer(call=call, text="Ünïcode\n\u2028 text", finish="stop", prompt_tokens=3, new_tokens=4)


def test_answers_are_found_again(tmp_path: Path) -> None:
    first = Journal(tmp_path / "work" / "shard.jsonl")
    with first.adding() as add:
        add(answer("a"))
        add(answer("b"))
    assert Journal(first.path).answers == {"a": answer("a"), "b": answer("b")}


def test_a_line_that_a_kill_cut_short_is_dropped_and_the_next_one_is_whole(tmp_path: Path) -> None:
    first = Journal(tmp_path / "shard.jsonl")
    with first.adding() as add:
        add(answer("a"))
        add(answer("b"))
    content = first.path.read_bytes()
    first.path.write_bytes(content[: content.rindex("Ü".encode()) + 1])  # in the middle of a character, too
    second = Journal(first.path)
    assert second.answers == {"a": answer("a")}
    with second.adding() as add:
        add(answer("c"))
    assert Journal(first.path).answers == {"a": answer("a"), "c": answer("c")}


def test_a_disk_that_takes_half_a_line_is_an_error_at_once_and_what_follows_is_whole(tmp_path: Path) -> None:
    journal, before = Journal(tmp_path / "shard.jsonl"), resource.getrlimit(resource.RLIMIT_FSIZE)
    with journal.adding() as add:
        add(answer("a"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (journal.path.stat().st_size + 10, before[1]))
        try:
            with pytest.raises(OSError, match=str(journal.path)) as failed:
                add(answer("b"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert failed.value.errno == errno.ENOSPC and set(journal.answers) == {"a"}
    again = Journal(journal.path)
    with again.adding() as add:
        add(answer("b"))
    assert Journal(journal.path).answers == {"a": answer("a"), "b": answer("b")}
