"""Truth: a reviewer that knows what is right has an AUC of 1, one that knows nothing of one half."""

from collections.abc import Callable

import pytest

from tasks.review.truth import ALL, AgainstTruth, against_truth, looked_at
from tasks.store.reviews import Scored
from tasks.store.rows import Written
from tasks.store.verified import Verdicts
from tests.support.rows import answered, checked, question, review


def made(count: int = 20) -> tuple[list[Written], Verdicts]:
    """So many questions of two kinds, with two right answers, two wrong ones and one that nobody can tell."""
    asked = [question(f"Say {n}.", about="bullets" if n % 4 else "number", no_commas={}) for n in range(count)]
    rows = [answered(of, f"{of.instruction} {n}", n) for of in asked for n in range(5)]
    outcomes = ["pass", "pass", "fail", "fail", "cannot tell"]
    found = [checked(of, rows[5 * i + n], outcomes[n]) for i, of in enumerate(asked) for n in range(5)]
    return rows, Verdicts(asked, found)


def seen(score: Callable[[Written, bool], float]) -> list[AgainstTruth]:
    rows, verdicts = made()
    some = looked_at(rows, verdicts, 100)
    return against_truth(some, verdicts, Scored([review(row, score(row, verdicts.passed(row))) for row in some]))


@pytest.mark.parametrize(("right", "wrong", "auc"), [(9, 1, 1), (1, 9, 0), (5, 5, 0.5)])
def test_what_a_reviewer_knows_is_its_auc(right: float, wrong: float, auc: float) -> None:
    found = seen(lambda _, passed: right if passed else wrong)
    assert [(one.about, one.auc, one.low, one.high, one.questions) for one in found] == [
        (ALL, auc, auc, auc, 20),
        ("bullets", auc, auc, auc, 15),
        ("number", auc, auc, auc, 5),
    ]


def test_a_reviewer_that_knows_half_of_them_is_unsure() -> None:
    (whole, *_) = seen(lambda row, passed: 9 if passed == (int(row.instruction[4:-1]) % 2 == 0) else 1)
    assert whole.auc == 0.5
    assert whole.low < 0.4 and whole.high > 0.6


def test_one_right_and_one_wrong_answer_of_each_question_are_looked_at() -> None:
    rows, verdicts = made()
    found = looked_at(rows, verdicts, 7)
    assert len(found) == 14
    assert [verdicts.passed(row) for row in found] == [True, False] * 7
    assert not any(row.draw == 4 for row in found), "nobody can tell"
    assert {verdicts.question(row).id for row in found[::2]} == {verdicts.question(row).id for row in found[1::2]}


def test_an_answer_without_a_score_takes_no_part() -> None:
    rows, verdicts = made(4)
    some = looked_at(rows, verdicts, 4)
    scores = [review(row, 5 if n else None) for n, row in enumerate(some)]
    assert against_truth(some, verdicts, Scored(scores))[0].questions == 3
    assert against_truth([], verdicts, Scored([])) == []
