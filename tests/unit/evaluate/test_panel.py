"""The evaluation panel: its rows, its checks, and what its task files say."""

import ast
import json
import re
from collections import Counter
from math import sqrt
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluate.benchmarks import answer_checks
from tasks.evaluate.benchmarks.instruction_checks import CHECKS, followed, process_results
from tasks.store.home import ROOT

PANEL = ROOT / "deployments" / "benchmarks"
TASKS = sorted(path.stem for path in PANEL.glob("*.yaml"))
SPELLED = {2: "two", 3: "three", 4: "four", 5: "five"}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (PANEL / f"{name}.jsonl").read_text().splitlines()]


CHOICES, INSTRUCTIONS = rows("choices"), rows("instructions")


class Loader(yaml.SafeLoader):
    """With the harness's `!function package.module.name` as that text."""


def as_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return loader.construct_scalar(node)


Loader.add_constructor("!function", as_text)


def task(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((PANEL / f"{name}.yaml").read_text(), Loader)
    return found


def functions(found: object) -> set[str]:
    """Every function that a task file names."""
    if isinstance(found, dict):
        return set().union(*map(functions, found.values()))
    if isinstance(found, list):
        return set().union(*map(functions, found))
    return {found} if isinstance(found, str) and found.startswith("tasks.") else set()


def test_every_question_has_four_different_choices_of_a_few_words() -> None:
    assert len(CHOICES) == 80
    for row in CHOICES:
        assert set(row) == {"question", "choices", "answer"}
        assert row["question"].endswith("?")
        assert len({choice.casefold() for choice in row["choices"]}) == 4
        assert all(2 <= len(choice.split()) <= 6 and choice.endswith(".") for choice in row["choices"]), row


def test_the_right_answers_stand_at_all_places_alike() -> None:
    assert Counter(row["answer"] for row in CHOICES) == {0: 20, 1: 20, 2: 20, 3: 20}


@pytest.mark.parametrize("extreme", [max, min])
def test_a_right_answer_is_not_known_by_its_length(extreme: Any) -> None:
    """The longest (shortest) choice is right about as often as if the right one were drawn: within two deviations."""
    shares, found = [], 0
    for row in CHOICES:
        lengths = [len(choice) for choice in row["choices"]]
        shares.append(lengths.count(extreme(lengths)) / 4)
        found += lengths[row["answer"]] == extreme(lengths)
    assert abs(found - sum(shares)) <= 2 * sqrt(sum(share * (1 - share) for share in shares))


@pytest.mark.parametrize("texts", [[row["question"] for row in CHOICES], [row["prompt"] for row in INSTRUCTIONS]])
def test_nothing_is_asked_twice(texts: list[str]) -> None:
    assert len({" ".join(re.findall(r"\w+", text.casefold())) for text in texts}) == len(texts)


def test_there_are_six_instructions_of_each_kind() -> None:
    assert Counter(row["check"] for row in INSTRUCTIONS) == dict.fromkeys(CHECKS, 6)
    assert all(set(row) == {"prompt", "check", "arguments"} for row in INSTRUCTIONS)


@pytest.mark.parametrize("row", INSTRUCTIONS, ids=lambda row: row["prompt"])
def test_a_prompt_asks_for_what_is_checked(row: dict[str, Any]) -> None:
    assert process_results(row, [" \n"]) == {"followed": 0}  # its arguments fit, and nothing is no answer
    for value in row["arguments"].values():
        asked = {str(value)}
        if isinstance(value, int):
            asked |= {SPELLED.get(value, str(value)), f"under {value + 1}"}
        assert any(re.search(rf"\b{text}\b", row["prompt"]) for text in asked), f"{value} is not in the prompt"


@pytest.mark.parametrize(
    ("check", "arguments", "follows", "does_not"),
    [
        ("at_most_words", {"count": 4}, "It's a well-known fact.", "It is so, I say."),
        ("at_least_words", {"count": 5}, "It is so, I say.", "It's a well-known fact."),
        ("contains", {"word": "art"}, "ART, they say.", "We start."),
        ("contains_both", {"first": "sun", "second": "sea"}, "The sea in the sun.", "The sea on Sunday."),
        ("begins_with", {"word": "Maybe"}, '"maybe so."', "It may be. Maybe."),
        ("ends_with_question", {}, 'I asked: "Why?"', "Why? I do not know."),
        ("bullets", {"count": 2}, "Two:\n- one\n- two", "- one\n- two\n- three"),
        ("bullets", {"count": 2}, "* one\n  • two", "1. one\n2. two"),
        ("bullets", {"count": 1}, "**Bold**\n\n* one", "**Bold**\n\n*One* - not a bullet"),
        ("numbered", {"count": 2}, "1. one\n2) two", "1. one\n3. two"),
        ("numbered", {"count": 2}, "So:\n\n1. one\n\n2. two", "1. one 2. two"),
        ("numbered", {"count": 2}, "1. one\n2. two\n3.5 m", "1. one\n2. two\n3. three"),
        ("lower_case", {}, "all small, 3 words.", "Nearly all small."),
        ("upper_case", {}, "ALL LARGE, 3 WORDS!", "NEARLY ALL LARGe."),
        ("no_commas", {}, "One; two.", "One, two."),
        ("one_sentence", {}, "It weighs 3.5 kg and is heavy!", "It is heavy. It is large."),
        ("one_sentence", {}, 'He said "no."\n', "It is heavy and it"),
        ("one_sentence", {}, "Is it heavy?", "It is heavy. And it"),
    ],
)
def test_a_check_tells_what_follows(check: str, arguments: dict[str, Any], follows: str, does_not: str) -> None:
    assert followed(check, follows, arguments)
    assert not followed(check, does_not, arguments)


@given(st.text(), st.integers(0, 20))
def test_a_text_has_at_most_so_many_words_or_at_least_one_more(text: str, count: int) -> None:
    assert CHECKS["at_most_words"](text, count) != CHECKS["at_least_words"](text, count + 1)


@given(st.lists(st.sampled_from("-*•"), min_size=1), st.integers(1, 10))
def test_bullets_count_whatever_their_mark(marks: list[str], count: int) -> None:
    text = "A list:\n" + "".join(f"{mark} item\n" for mark in marks)
    assert followed("bullets", text, {"count": count}) == (len(marks) == count)


@pytest.mark.parametrize(
    ("check", "arguments", "says"),
    [
        ("rhymes", {}, "instruction 'Go on.': expected one of the checks at_most_words, .* found 'rhymes'; correct"),
        ("bullets", {}, r"'Go on.': bullets: expected the arguments count \(int\), found {}; correct"),
        ("bullets", {"count": "3"}, r"expected the arguments count \(int\), found {'count': '3'}"),
        ("no_commas", {"count": 3}, "expected the arguments none, found {'count': 3}"),
    ],
)
def test_a_row_that_cannot_be_checked_is_named(check: str, arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        process_results({"prompt": "Go on.", "check": check, "arguments": arguments}, ["Yes."])


NAMED = "Ann-Lee likes Go. Bo likes chess. \nWho likes chess? Answer with the name alone."


@pytest.mark.parametrize(
    ("kind", "answer", "right", "wrong"),
    [
        ("number", "-3", "8 - 11 = -3.", "8 - 11 = 3."),
        ("number", "12", "First 2, so the answer is **12**.", "The answer is 12, not 2."),
        ("number", "0", "It is 0.0", "I cannot tell."),
        ("order", "2, 5, 9", "Of 9, 2 and 5: the numbers are 2, 5, and 9.", "2, 9, 5"),
        ("order", "2, 5, -9", "['2.0', '5.0', '-9.0']", "2, 5, 9"),
        ("order", "2, 5", "2, 5\n\nThat took 1 step.", "The largest is 5."),
        ("name", "Ann-Lee", 'It is "Ann-Lee".', "It is Lee."),
        ("name", "Bo", "Bo, Bo! Who likes Go?", "Ann-Lee likes Go. Bo likes chess."),  # the statements, not an answer
        ("name", "Bo", "The answer is Bo.", "Who? Answer, Ann."),
    ],
)
def test_an_answer_is_found_in_a_sentence(kind: str, answer: str, right: str, wrong: str) -> None:
    solved = getattr(answer_checks, kind)
    doc = {"prompt": NAMED, "answer": answer}
    assert [solved(doc, [text]) for text in (right, wrong, "")] == [{"solved": 1}, {"solved": 0}, {"solved": 0}]


@pytest.mark.parametrize(("name", "kind"), [("sum", "number"), ("sorting", "order"), ("reading", "name")])
def test_every_problem_is_solved_by_its_own_answer_and_no_guess_solves_many(name: str, kind: str) -> None:
    found, solved = rows(name), getattr(answer_checks, kind)
    assert len({row["prompt"] for row in found}) == 60
    assert all(solved(row, [f"It is {row['answer']}."]) == {"solved": 1} for row in found)
    guesses = [sum(solved(row, [other["answer"]])["solved"] for row in found) for other in found]
    assert max(guesses) <= 15


@pytest.mark.parametrize("name", TASKS)
def test_a_task_file_says_all_that_a_result_depends_on(name: str) -> None:
    found = task(name)
    assert found["task"] == name
    assert (found["num_fewshot"], found["metadata"], found["test_split"]) == (0, {"version": 1}, "test")
    assert all({"metric", "aggregation", "higher_is_better"} <= set(metric) for metric in found["metric_list"])
    if found["output_type"] == "generate_until":
        assert found["generation_kwargs"].keys() == {"until", "do_sample", "max_gen_toks"}
        assert found["generation_kwargs"]["until"] == [] and not found["generation_kwargs"]["do_sample"]
    files = found.get("dataset_kwargs", {}).get("data_files", {}).values()
    assert all((ROOT / file).is_file() for file in files)


def test_the_functions_that_task_files_name_are_there() -> None:
    named = set().union(*(functions(task(name)) for name in TASKS))
    assert named  # or `functions` finds none
    for name in named:
        module, _, function = name.rpartition(".")
        tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name
