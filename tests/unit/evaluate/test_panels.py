"""Panels: what is asked, and a score of 1 for an answer that passes all checks of its question."""

import pytest

from tasks.evaluate.panels import calls, max_new_tokens, scores
from tests.support.rows import MODEL, answer, question

ASKED = {
    "instructions": [
        question("Go on.", no_commas={}, at_most_words={"count": 2}),
        question("Ask.", in_language={"code": "en"}),
    ],
    "sum": [question("What is 2 + 2?", number={"answer": "4"})],
}


def test_each_question_is_asked_once_greedily_as_a_user_would() -> None:
    found = calls(ASKED)
    assert [call.messages[-1]["content"] for call in found] == ["Go on.", "Ask.", "What is 2 + 2?"]
    assert {(call.kind, call.temperature) for call in found} == {("write", 0.0)}
    assert [call.max_new_tokens for call in found] == [192, 192, 48]
    assert max_new_tokens("sum") == 48
    assert len({call.key for call in found}) == 3


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["One two.", "Is it so? I think it is, and you will see why.", "It is 4."], [1, 1, 1]),
        (["One, two.", "ok", "It is 5."], [0, 0, 0]),
        (["One two three.", "", "four"], [0, 0, 1]),
    ],
)
def test_a_score_is_whether_all_checks_pass(texts: list[str], values: list[float]) -> None:
    asked = calls(ASKED)
    found = scores(ASKED, [answer(call, text) for call, text in zip(asked, texts, strict=True)], MODEL)
    assert [(one.benchmark, one.value, one.response) for one in found] == [
        (name, value, text)
        for name, value, text in zip(("instructions", "instructions", "sum"), values, texts, strict=True)
    ]
    assert [one.item for one in found] == [row.id for rows in ASKED.values() for row in rows]
