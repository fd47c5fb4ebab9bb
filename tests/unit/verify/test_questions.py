"""Questions: what is asked for is what is checked, and nothing that a panel asks is trained on."""

import json
import re
import string
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest

from tasks.recipe.evaluation import Panel
from tasks.recipe.verification import ConstraintsConfig, Family
from tasks.store.home import ROOT
from tasks.store.rows import Seed
from tasks.store.verified import Asked, Question
from tasks.verify.checks.base import checks, verify
from tasks.verify.questions import constraints, panels
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


def constrained(question: Question) -> list[Asked]:
    """The checks of its constraints: without what keeps an answer from repeating the example."""
    return [one for one in question.checks if one.check != "does_not_repeat"]


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
        for asked in constrained(question):
            assert kinds()[asked.check].level <= level
            verify(asked.check, "Any answer.", asked.given)  # raises where the arguments do not fit
            for value in asked.given.values():
                assert all(str(one) in question.instruction for one in (value if isinstance(value, list) else [value]))


def test_constraints_of_one_question_go_together() -> None:
    several = [asked for question in made(most=3, levels=[3]) if len(asked := constrained(question)) > 1]
    assert {len(asked) for asked in several} == {2, 3}
    for asked in several:
        excluded = Counter(name for one in asked for name in kinds()[one.check].excludes)
        assert not excluded or max(excluded.values()) == 1


@pytest.mark.parametrize(
    ("one", "others"),
    [
        ("quoted", ["bullets", "numbered", "begins_with", "ends_with"]),  # whole, and as lines that begin with a mark
        ("separated_by_commas", ["begins_with", "titled", "quoted", "no_commas"]),  # and nothing else
        ("lower_case", ["begins_with", "ends_with", "upper_case"]),  # "Well" to the letter
        ("upper_case", ["begins_with", "ends_with"]),
        ("title_case", ["begins_with", "ends_with"]),
        ("at_most_words", ["bullets", "numbered", "ends_with"]),  # seven numbered items in eight words
    ],
)
def test_no_text_of_sense_meets_both(one: str, others: list[str]) -> None:
    assert all(kinds()[one].excludes & kinds()[other].excludes for other in others)


def test_begin_end_and_case_go_with_what_they_do_not_contradict() -> None:
    for one, other in (("begins_with", "ends_with"), ("lower_case", "bullets"), ("bullets", "ends_with")):
        assert not kinds()[one].excludes & kinds()[other].excludes


@pytest.mark.parametrize(
    ("instruction", "has_form"),
    [
        ("Name five things to pack.", True),
        ("Give me just three ideas.", True),
        ("Summarise in one or two sentences: It rains.", True),
        ("Shorten to fewer than twenty words: It rains.", True),
        ("Write a four-line poem.", True),
        ("Put this into a table: tea 2, coffee 3.", True),
        ("Name a lake.", False),
        ("What do twelve apples cost?", False),
        ("Tell me about tablets.", False),
    ],
)
def test_an_instruction_with_a_form_of_its_own_gets_no_other_one(instruction: str, has_form: bool) -> None:
    row = seed(instruction, "Mountains, rivers, forests, meadows and villages.")
    found = constraints.questions([row], ConstraintsConfig(questions_per_instruction=40, most=3, levels=(3,)), 1, 1)
    excluded = {name for question in found for one in constrained(question) for name in kinds()[one.check].excludes}
    assert excluded >= {"begin", "end", "case"}
    assert excluded.isdisjoint({"length", "layout"}) == has_form


def test_no_word_is_forbidden_that_the_question_asks_for() -> None:
    rows = [
        seed(f"Name {n} people.", "Most people hope this is simple; think of luck, time and care.") for n in range(60)
    ]
    config = ConstraintsConfig(questions_per_instruction=20, most=3, levels=(3,))
    forbidden = 0
    for question in constraints.questions(rows, config, 1, 1):
        none = [asked for asked in question.checks if asked.check == "contains_none"]
        asked_for = " ".join(
            str(value) for asked in question.checks if asked not in none for value in asked.given.values()
        )
        assert all(verify("contains_none", f"x {asked_for}", asked.given).passed for asked in none)
        forbidden += bool(none)
    assert forbidden > 50


def test_what_a_seed_knows_to_be_right_is_not_forbidden_and_stays_with_its_constraints() -> None:
    right = Asked.of("exact", {"answer": "Paris"})
    row = seed("What is the capital of France?", "Paris")
    config = ConstraintsConfig(questions_per_instruction=20, most=2, levels=(3,))
    found = constraints.questions([row], config, 1, 1, {row.id: (right,)})
    assert found and all(constrained(question)[-1] == right for question in found)
    for question in found:
        constraints.example_of(question)  # what is known is no kind
        assert not [one for one in question.checks if one.check == "contains_none" and "paris" in one.arguments]


def test_an_answer_that_repeats_the_example_fails() -> None:
    shown = 0
    for question in made(most=2, levels=[3]):
        example, repeats = (
            constraints.example_of(question),
            [one for one in question.checks if one not in constrained(question)],
        )
        assert [one.check for one in repeats] == (["does_not_repeat"] if example else [])
        if example:
            shown += 1
            assert verify("does_not_repeat", example[1].upper(), repeats[0].given).outcome == "fail"
            assert verify("does_not_repeat", "Rivers and forests.", repeats[0].given).passed
    assert shown > 50


def test_own_words_are_whole_words() -> None:
    row = seed("Do not say wouldn't.", "An internationalisation of naïve Größe: well-known mountains, River's end.")
    assert constraints.own_words(row) == ["mountains"]


def test_a_phrase_stands_in_quotation_marks_and_a_list_has_two_points_at_least() -> None:
    for file in FILES:
        for kind in kinds(file).values():
            assert not [one for one in (*kind.wordings, *kind.panel) if re.search(r'[^"]{phrase}|{phrase}[^"]', one)]
    assert all(least >= 2 for least, _, _ in kinds()["bullets"].arguments["count"]["range"])


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
