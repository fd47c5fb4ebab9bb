"""A shard's journal: answers survive a kill, and half a line does not count."""

from pathlib import Path

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
