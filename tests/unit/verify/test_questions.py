"""Questions: what is asked for is what is checked, and nothing that a panel asks is trained on."""

import json
import re
import string
from collections import Counter
from pathlib import Path
from typing import Any, cast, get_args

import pytest

from tasks.recipe.evaluation import Panel
from tasks.recipe.verification import ComputedConfig, ConstraintsConfig, Family
from tasks.store.home import ROOT
from tasks.store.rows import Seed
from tasks.store.verified import Difficulty, Question
from tasks.verify.checks.base import checks, verify
from tasks.verify.questions import computed, constraints, panels
from tasks.verify.questions.kinds import Kind, kinds, read
from tests.support.rows import seed, written

FILES = ("constraints", "unseen")
KINDS = [(file, name) for file in FILES for name in kinds(file)]
FAMILIES: tuple[Family, ...] = get_args(Family)
ROWS = [
    Seed(instruction=f"Describe place {n}.", response="There are mountains, rivers, forests, meadows and villages.")
    for n in range(40)
]
IFEVAL = ROOT.parent / "shared" / "data" / "ifeval_prompts.jsonl"
# Kinds of IFEval that are measured as never trained on, by the names of our checks.
OTHERS_IN_IFEVAL = {
    *("at_most_sentences", "at_least_sentences", "exactly_sentences", "exactly_paragraphs", "at_least_placeholders"),
    *("postscript", "at_least_highlights", "sections", "json_object", "json_schema", "repeats_first", "in_language"),
    *("at_least_times", "exactly_times", "letter_at_least", "letter_at_most", "capital_words_between", "parts"),
}


def made(**config: Any) -> list[Question]:
    return constraints.questions(ROWS, ConstraintsConfig(**{"questions_per_instruction": 8, **config}), 1, 1)


def test_there_are_twenty_kinds_to_train_on_and_twelve_that_nothing_trains_on() -> None:
    trained, unseen = kinds("constraints").keys(), kinds("unseen").keys()
    assert (len(trained), len(unseen)) == (20, 12)
    assert not trained & unseen
    assert not trained & OTHERS_IN_IFEVAL
    assert all(kind.wordings and not set(kind.wordings) & set(kind.panel) for kind in kinds("constraints").values())
    assert not any(kind.wordings for kind in kinds("unseen").values())


@pytest.mark.parametrize(("file", "name"), KINDS)
def test_a_kind_asks_for_all_that_its_check_takes(file: str, name: str) -> None:
    kind: Kind = kinds(file)[name]
    assert kind.arguments.keys() == checks()[name].arguments.keys()
    for wording in (*kind.wordings, *kind.panel):
        assert {found for _, found, _, _ in string.Formatter().parse(wording) if found} == kind.arguments.keys()


@pytest.mark.parametrize("name", [name for name, kind in kinds().items() if kind.example])
def test_an_example_shows_what_is_asked_for(name: str) -> None:
    kind = kinds()[name]
    request, shown = kind.example or ("", "")
    (wording,) = (one for one in kind.wordings if re.search(re.sub(r"\\{\w+\\}", "(.+)", re.escape(one)), request))
    given = re.search(re.sub(r"\\{\w+\\}", "(.+)", re.escape(wording)), request)
    assert given
    assert verify(name, shown, dict(zip(kind.arguments, given.groups(), strict=True))).passed
    assert not verify(name, "", dict(zip(kind.arguments, given.groups(), strict=True))).passed


@pytest.mark.parametrize("level", [1, 2, 3])
def test_what_is_checked_is_asked_for_in_words(level: int) -> None:
    for question in made(most=3, levels=[level]):
        assert question.about == question.checks[0].check
        for asked in question.checks:
            assert kinds()[asked.check].level <= level
            verify(asked.check, "Any answer.", asked.given)  # raises where the arguments do not fit
            for value in asked.given.values():
                assert all(str(one) in question.instruction for one in (value if isinstance(value, list) else [value]))


def test_constraints_of_one_question_go_together() -> None:
    several = [question for question in made(most=3, levels=[3]) if len(question.checks) > 1]
    assert {len(question.checks) for question in several} == {2, 3}
    for question in several:
        excluded = Counter(name for one in question.checks for name in kinds()[one.check].excludes)
        assert not excluded or max(excluded.values()) == 1


def test_questions_are_the_same_ones_again_and_others_in_another_iteration() -> None:
    config = ConstraintsConfig(questions_per_instruction=3)
    one, again, other = (constraints.questions(ROWS, config, number, 1) for number in (1, 1, 2))
    assert one == again
    assert len(one) == len({row.instruction for row in one}) == 3 * len(ROWS)
    assert {row.instruction for row in one} != {row.instruction for row in other}
    assert [row.parents for row in one[:3]] == [(ROWS[0].id,)] * 3


def test_all_kinds_have_their_turn() -> None:
    counts = Counter(question.about for question in made(levels=[3]))
    assert counts.keys() == kinds().keys()
    assert max(counts.values()) < 2.5 * min(counts.values())


def test_a_long_instruction_gets_none_and_a_written_one_leads_back_to_its_seed() -> None:
    config = ConstraintsConfig(questions_per_instruction=1, max_instruction_words=5)
    long, of = seed("Name as many rivers of Europe as you can think of now."), seed("Go on.", "Rivers flow.")
    new = written(of, instruction="Name three lakes.")
    (question,) = constraints.questions([long, new], config, 1, 1)
    assert (question.seed, question.parents) == (of.id, (new.id,))


def test_only_what_is_rarely_met_has_an_example() -> None:
    found = {question.about: constraints.example_of(question) for question in made(levels=[3])}
    assert not found["no_commas"] and not found["at_most_words"]
    assert found["lower_case"] == kinds()["lower_case"].example


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


def test_more_questions_than_there_are_is_said() -> None:
    with pytest.raises(ValueError, match="conversion: there are fewer than"):
        computed.questions({"conversion": 500}, {"conversion": 1}, 1, 1)


@pytest.mark.parametrize("panel", get_args(Panel))
def test_a_panel_is_drawn_afresh_for_each_gate_and_the_test_part_stays(panel: Panel) -> None:
    one, again, other = (panels.panel(panel, 60, "gate", key) for key in ((1, 1), (1, 1), (1, 2)))
    test = panels.panel(panel, 60, "test", ())
    texts = [{row.instruction for row in of} for of in (one, other, test)]
    assert one == again
    assert [len(of) for of in texts] == [60, 60, 60]
    assert len(texts[0] & texts[1]) < 20
    assert not texts[2] & (texts[0] | texts[1])


def test_no_instruction_of_a_panel_is_a_seed() -> None:
    seeds = (ROOT / "deployments" / "seeds" / "everyday.jsonl").read_text().casefold()
    bases = [text for text, _ in read("bases")]
    assert len(set(bases)) == 64
    assert not [text for text in bases if text.casefold() in seeds]


def runs(text: str, count: int = 6) -> set[tuple[str, ...]]:
    found = re.findall(r"\w+", text.casefold())
    return {tuple(found[i : i + count]) for i in range(len(found) - count + 1)}


@pytest.mark.skipif(not IFEVAL.exists(), reason="IFEval's prompts are not here")
def test_no_wording_has_six_words_in_a_row_with_ifeval() -> None:
    prompts = [json.loads(line)["prompt"] for line in Path(IFEVAL).read_text().splitlines()]
    there = set().union(*(runs(prompt) for prompt in prompts))
    ours = {wording for kind in kinds().values() for wording in (*kind.wordings, *kind.panel)}
    assert not {wording for wording in ours if runs(wording) & there}
