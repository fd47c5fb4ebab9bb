"""Verdicts: one row for each check of each answer, and controls that give away nothing but what they change."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.recipe.verification import VerifyConfig
from tasks.store.rows import Written
from tasks.store.verified import Checked, Question, Verdicts
from tasks.verify.checks.base import Finding, versions
from tasks.verify.verdicts import verdicts
from tests.support.rows import answered, question

TEXTS = st.lists(st.sampled_from(["One two.", "One, two", "three", "", "a, b, c, d"]), min_size=1, max_size=8)
ASKED = question("Go on.", no_commas={}, at_most_words={"count": 2})


def nothing_apart(items: Sequence[object]) -> list[Finding]:
    assert not items
    return []


def found(texts: list[str], config: VerifyConfig | None = None) -> tuple[list[Written], list[Checked]]:
    answers = [answered(ASKED, text, draw) for draw, text in enumerate(texts)]
    return answers, verdicts([ASKED], answers, config or VerifyConfig(), nothing_apart)


def test_each_check_says_what_it_found() -> None:
    (one, two), rows = found(["One two.", "a, b, c, d"])
    assert [(row.item, row.check, row.outcome, row.version) for row in rows] == [
        (one.id, "no_commas", "pass", 1),
        (two.id, "no_commas", "fail", 1),
        (one.id, "at_most_words", "pass", 2),
        (two.id, "at_most_words", "fail", 2),
    ]
    assert rows[1].reason == "3 commas, none asked for"
    assert rows[1].parents == (two.id, ASKED.id)
    known = Verdicts([ASKED], rows)
    assert (known.passed(one), known.failed(one), known.reason(one)) == (True, False, "")
    assert (known.passed(two), known.failed(two)) == (False, True)
    assert known.reason(two) == "no_commas: 3 commas, none asked for"


def test_a_check_that_was_not_asked_lets_nothing_pass() -> None:
    (one,), rows = found(["One two."])
    assert not Verdicts([ASKED], rows[:1]).passed(one)
    assert not Verdicts([ASKED], []).passed(one)
    assert not Verdicts([ASKED], []).failed(one)


def test_what_no_check_can_tell_neither_passes_nor_fails() -> None:
    unsure = question("Say it.", in_language={"code": "en"})
    row = answered(unsure, "ok")
    known = Verdicts([unsure], verdicts([unsure], [row], VerifyConfig(), nothing_apart))
    assert (known.passed(row), known.failed(row)) == (False, False)


def test_an_answer_to_something_else_is_refused() -> None:
    other = answered(question("Stop.", no_commas={}), "One two.")
    with pytest.raises(ValueError, match="answers none of these questions"):
        Verdicts([ASKED], []).passed(other)


@given(TEXTS)
def test_shuffled_verdicts_are_the_same_ones_on_other_answers(texts: list[str]) -> None:
    answers, rows = found(texts)
    _, shuffled = found(texts, VerifyConfig(verdicts="shuffled"))

    def passing(checked: list[Checked]) -> int:
        return sum(Verdicts([ASKED], checked).passed(row) for row in answers)

    assert passing(rows) == passing(shuffled)
    assert Counter((r.check, r.outcome) for r in rows) == Counter((r.check, r.outcome) for r in shuffled)
    assert all(row.reason.startswith("control") for row in shuffled)


def test_shuffled_verdicts_are_on_other_answers() -> None:
    texts = [f"word{n}" if n < 4 else f"word{n}, and more" for n in range(8)]
    answers, rows = found(texts)
    _, shuffled = found(texts, VerifyConfig(verdicts="shuffled"))
    right = [[Verdicts([ASKED], of).passed(row) for row in answers] for of in (rows, shuffled)]
    assert right[0] == [True] * 4 + [False] * 4 != right[1]


def test_ignored_verdicts_let_everything_pass() -> None:
    answers, rows = found(["One two.", "a, b, c, d"], VerifyConfig(verdicts="ignored", pairs=0))
    assert all(Verdicts([ASKED], rows).passed(row) for row in answers)


def test_questions_without_an_answer_have_no_verdict() -> None:
    assert verdicts([ASKED], [], VerifyConfig(), nothing_apart) == []


def test_a_question_is_read_back_as_it_was() -> None:
    assert Question.model_validate(ASKED.model_dump(mode="json")) == ASKED
    assert ASKED.checks[1].given == {"count": 2}


def test_checks_that_run_something_are_asked_apart_in_one_go_and_in_their_order() -> None:
    both = question("Add.", no_commas={}, passes_tests={"tests": "assert True"})
    plain = question("Go on.", no_commas={})
    answers = [answered(both, "a = 1"), answered(plain, "b, c"), answered(both, "a, b = 1, 2", 1)]
    asked: list[object] = []

    def apart(items: Sequence[object]) -> list[Finding]:
        asked.extend(items)
        return [Finding(outcome="pass", reason=str(n)) for n in range(len(items))]

    rows = verdicts([both, plain], answers, VerifyConfig(), apart)
    assert asked == [("passes_tests", text, {"tests": "assert True"}) for text in ("a = 1", "a, b = 1, 2")]
    assert [(row.check, row.outcome, row.reason) for row in rows if row.check == "passes_tests"] == [
        ("passes_tests", "pass", "0"),
        ("passes_tests", "pass", "1"),
    ]
    assert [row.outcome for row in rows if row.check == "no_commas"] == ["pass", "fail", "fail"]


def test_another_text_of_a_users_function_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    own = question("Go on.", own_function={"function": "of_a_user:good"})
    (tmp_path / "of_a_user.py").write_text("good = bool")
    before = versions([own, ASKED])
    assert before.keys() == {"no_commas", "at_most_words", "own_function", "of_a_user:good"}
    (tmp_path / "of_a_user.py").write_text("good = all")
    assert versions([own, ASKED])["of_a_user:good"] != before["of_a_user:good"]
    with pytest.raises(ValueError, match="nowhere:good: expected a module of Python"):
        versions([question("Go on.", own_function={"function": "nowhere:good"})])
