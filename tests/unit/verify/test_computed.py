"""Computed questions, and edits in hindsight: what is right passes, and what gives it away is not asked."""

import json
import re
from collections import Counter
from typing import cast, get_args

import pytest

from tasks.recipe.evaluation import Panel
from tasks.recipe.verification import ComputedConfig, Family, HindsightConfig
from tasks.store.home import ROOT
from tasks.store.verified import Difficulty, Question
from tasks.verify.checks.base import verify
from tasks.verify.checks.counting import folded
from tasks.verify.questions import computed, hindsight, panels
from tests.support.rows import seed


@pytest.mark.parametrize("family", computed.FAMILIES)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_computed_answer_passes_and_another_does_not(family: str, level: int) -> None:
    for question in computed.made(family, 9, level, "test", ("a test",)):
        (asked,) = question.checks
        right = asked.given.get("answer") or ", ".join(asked.given["answers"])
        assert verify(asked.check, f"The answer is {right}.", asked.given).passed
        others = asked.given.get("names") or [str(int(right.partition(",")[0]) + 1)]
        wrong = next(other for other in others if other != right)
        assert not verify(asked.check, wrong, asked.given).passed


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("family", ["order", "difference", "sum"])
def test_what_stands_in_the_question_is_no_answer(family: str, level: int) -> None:
    for question in computed.made(family, 100, level, "training", ("a test",)):
        (asked,) = question.checks
        there = re.findall(r"\d+", question.instruction)
        assert len(there) >= (3 if family == "order" else 2)
        assert asked.given.get("answers") != there
        assert asked.given.get("answer") not in there


ARITHMETIC = {"sum": lambda a, b: a + b, "difference": lambda a, b: a - b}


@pytest.mark.parametrize("family", ARITHMETIC)
def test_the_answer_is_the_right_one(family: str) -> None:
    for question in computed.questions({cast(Family, family): 40}, {cast(Family, family): 3}, 1, 1):
        a, b = map(int, re.findall(r"\d+", question.instruction))
        a, b = (b, a) if question.instruction.startswith("Take") else (a, b)  # "Take 4 away from 12."
        assert int(question.checks[0].given["answer"]) == ARITHMETIC[family](a, b)


def test_who_likes_what_is_in_the_text() -> None:
    for question in computed.questions({"reading": 40}, {"reading": 3}, 1, 1):
        given = question.checks[0].given
        assert re.search(rf"{given['answer']} \w", question.instruction)
        assert len(given["names"]) == 4


def operands(question: Question) -> tuple[str, ...]:
    found = re.findall(r"\d+", question.instruction) or question.checks[0].given["names"]
    return tuple(sorted(set(found)))


@pytest.mark.parametrize(
    ("panel", "families"),
    [("sum", ["sum", "difference"]), ("sum_three_digits", ["sum"]), ("sorting", ["order"])],
)
def test_no_operands_of_a_panel_are_trained_on(panel: Panel, families: list[Family]) -> None:
    trained = {
        operands(one)
        for family in families
        for level in (1, 2, 3)
        for number in (1, 2)
        for one in computed.questions({family: 150}, {family: level}, number, number)
    }
    asked = {part: {operands(one) for one in panels.panel(panel, 100, part, (1,))} for part in get_args(panels.Part)}
    assert not trained & (asked["gate"] | asked["test"])
    assert not asked["gate"] & asked["test"]


def test_a_family_gets_harder_where_most_pass_and_easier_where_hardly_any_do() -> None:
    config = ComputedConfig(questions={"sum": 1, "order": 1, "reading": 1, "comparison": 1, "conversion": 1}, level=2)
    earlier = {
        "sum": Difficulty(level=2, answers=100, passed=61),
        "order": Difficulty(level=2, answers=100, passed=9),
        "reading": Difficulty(level=1, answers=100, passed=0),
        "comparison": Difficulty(level=3, answers=100, passed=99),
    }
    expected = {"sum": 3, "order": 1, "reading": 1, "comparison": 3, "conversion": 2}
    assert computed.levels(config, earlier) == expected


def test_an_edit_in_hindsight_loses_no_word() -> None:
    lines = (ROOT / "deployments" / "seeds" / "everyday.jsonl").read_text().splitlines()
    rows = [seed(row["prompt"], row["response"]) for row in map(json.loads, lines)]
    asked, answers = hindsight.questions(rows, HindsightConfig(opposites_per_seed=2), 1, 1)
    assert len(asked) == 4 * len(rows)
    said = {row.id: Counter(folded(row.response)) for row in rows}
    assert not [one for one in answers if said[one.seed] - Counter(folded(one.response))]


def test_more_questions_than_there_are_is_said() -> None:
    with pytest.raises(ValueError, match="conversion: there are fewer than"):
        computed.questions({"conversion": 500}, {"conversion": 1}, 1, 1)
