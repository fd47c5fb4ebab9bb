"""Checkable questions: right is right in whatever sentence, and a hedge is neither."""

import re

import pytest

from tasks.review.questions import Question, questions

PLUS = Question("What is 7 plus 5?", "12", ())
LARGER = Question("Which is larger, 47 or 74?", "74", ("47",))


@pytest.mark.parametrize(
    ("question", "response", "right"),
    [
        (PLUS, "7 plus 5 is 12.", True),
        (PLUS, "It is 112.", False),
        (PLUS, "It is 1.2.", False),
        (PLUS, "Twelve.", False),
        (PLUS, "", False),
        (LARGER, "74 is the larger one.", True),
        (LARGER, "47.", False),
        (LARGER, "74 is larger than 47.", None),
        (LARGER, "I do not know.", False),
        (Question("Which day?", "Friday", ("Monday",)), "friday!", True),
    ],
)
def test_answers(question: Question, response: str, right: bool | None) -> None:
    assert question.check(response) is right


def test_each_question_accepts_its_right_answer_and_no_wrong_one() -> None:
    for question in questions(100, "x"):
        assert question.check(f"The answer is {question.right}.") is True
        assert all(question.check(f"It is {wrong}.") is False for wrong in question.wrong)
        assert question.right not in question.wrong


def test_sums_and_differences_are_right() -> None:
    for question in questions(100, "y"):
        if found := re.match(r"What is (\d+) (plus|minus) (\d+)\?", question.text):
            a, b = int(found[1]), int(found[3])
            assert int(question.right) == (a + b if found[2] == "plus" else a - b)


def test_no_question_is_asked_twice() -> None:
    assert len({question.text for question in questions(300, "x")}) == 300  # there are only 7 days


def test_the_key_makes_the_questions() -> None:
    assert questions(20, "a") == questions(20, "a") != questions(20, "b")
    assert len({question.text.split()[0:3][1] for question in questions(5, "a")}) > 1
