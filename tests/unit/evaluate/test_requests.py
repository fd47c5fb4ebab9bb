"""What a harness wants asked, as calls: one-letter choices of one chat in one."""

import json

from tasks.engines.calls import Answer, chat
from tasks.evaluate.benchmarks.requests import Request, calls, replies


def request(item: str, index: int, choice: str | None, prefix: str = "") -> Request:
    messages = json.dumps(chat(f"Question {item}?"))
    return Request(benchmark="b", item=item, index=index, chat=messages, choice=choice, prefix=prefix)


LETTERS = [request("1", n, f" {letter}") for n, letter in enumerate("ABCD")]
TEXTS = [request("2", n, f" {text}") for n, text in enumerate(("Yes.", "No."))]
OTHERS = [request("3", n, letter, "Answer: ") for n, letter in enumerate("AB")]
ALL = [*LETTERS, *TEXTS, request("4", 0, None), *OTHERS, request("5", 0, "A")]


def test_letters_of_one_chat_are_one_call_and_nothing_else_is_put_together() -> None:
    found = calls(ALL)
    assert [call.kind for call in found] == ["score", "likelihood", "likelihood", "write", "score", "likelihood"]
    assert (found[0].labels, found[0].prefix) == ((" A", " B", " C", " D"), "")
    assert (found[4].labels, found[4].prefix) == (("A", "B"), "Answer: ")
    assert len({call.key for call in found}) == len(found)
    assert [len(calls([*part, *part])) for part in (LETTERS, OTHERS)] == [2, 2], "the same letter twice is not one"


def test_each_request_has_its_own_reply() -> None:
    asked = calls(ALL)
    likely = {call.row: (-1.0, -2.0, -3.0, -4.0)[: len(call.labels)] for call in asked if call.kind == "score"}
    answers = [
        Answer(
            call=call.key,
            text="Yes." if call.kind == "write" else "",
            log_probs=likely.get(call.row, () if call.kind == "write" else (-0.5, -0.25, -9.0)),
            prompt_tokens=1,
            new_tokens=1,
        )
        for call in asked
    ]
    found = replies(ALL, answers)
    assert [reply.request for reply in found] == [one.row for one in ALL]
    expected = [-1.0, -2.0, -3.0, -4.0, -0.75, -0.75, None, -1.0, -2.0, -0.75]
    assert [reply.log_likelihood for reply in found] == expected
    assert [reply.text for reply in found] == [None] * 6 + ["Yes."] + [None] * 3
