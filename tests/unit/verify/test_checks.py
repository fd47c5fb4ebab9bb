"""Each check against texts made by hand, the tricky ones among them (cases/)."""

import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.verify.checks import lengths
from tasks.verify.checks.base import Finding, check, checks, found, judged, verify

CASES: dict[str, list[dict[str, Any]]] = {
    name: cases
    for file in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for name, cases in yaml.safe_load(file.read_text(encoding="utf-8")).items()
}
APART = {"passes_tests", "same_mathematics", "own_function"}  # tests/real/test_confined.py asks these
ANSWERS: list[tuple[str, dict[str, Any]]] = [
    ("number", {"answer": "1"}),
    ("numbers_in_order", {"answers": ["1", "2"]}),
    ("choice", {"answer": "A", "choices": ["one", "two"]}),
    ("same_words", {"answers": ["one"]}),
    ("names_one_of", {"answer": "Ben", "names": ["Anna", "Ben"]}),
]
EACH = [
    pytest.param(name, case["arguments"], text, outcome, id=f"{name} {outcome} {text[:20]!r}")
    for name, cases in CASES.items()
    if name not in APART
    for case in cases
    for outcome in ("pass", "fail", "cannot tell")
    for text in case.get(outcome, ())
]


@pytest.mark.parametrize(("name", "arguments", "text", "outcome"), EACH)
def test_a_text_is_judged_as_a_person_would(name: str, arguments: dict[str, Any], text: str, outcome: str) -> None:
    said = verify(name, text, arguments)
    assert said.outcome == outcome, said.reason
    assert said.reason


def test_what_somebody_wrote_is_run_apart_and_nothing_else_is() -> None:
    assert {name for name, one in checks().items() if one.apart} == APART


def test_each_check_has_twenty_cases() -> None:
    assert set(CASES) == set(checks())
    for name, cases in CASES.items():
        for outcome in ("pass", "fail"):
            assert sum(len(case.get(outcome, ())) for case in cases) >= 10, (name, outcome)


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.parametrize("text", ["", " ", "\n\t\n", "\u200b".strip("\u200b")])
def test_an_empty_text_passes_nothing(name: str, text: str) -> None:
    assert verify(name, text, CASES[name][0]["arguments"]).outcome == "fail"


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("at_most_word", {"count": 1}, "expected one of the checks at_least_bold, .* found 'at_most_word'"),
        ("at_most_words", {}, r"at_most_words: expected the arguments count \(.*\), found {}"),
        ("at_most_words", {"count": 0}, "count: .*greater than 0"),
        ("at_most_words", {"count": "many"}, "count: .*integer"),
        ("at_most_words", {"count": 1, "of": "a"}, "of: "),
        ("no_commas", {"count": 1}, "expected the arguments none"),
        ("number", {"answer": "a lot"}, "an answer that is one number, found 'a lot'"),
        ("number", {"answer": "1, 2"}, "an answer that is one number"),
        ("number", {"answer": "3,5"}, "one number, found '3,5'; write 1000, 3.5 or 1/2"),
        ("number", {"answer": "1,00,000"}, "an answer that is one number"),
        ("number", {"answer": "0x10"}, "an answer that is one number"),
        ("number", {"answer": "3 apples"}, "an answer that is one number"),
        ("number", {"answer": "9" * 51}, "an answer that is one number"),
        ("numbers_in_order", {"answers": ["3", "7,12"]}, "an answer that is one number, found '7,12'"),
        ("choice", {"answer": "C", "choices": ["a", "b"]}, "the letter of one of 2 choices, found C"),
        ("matches", {"pattern": "("}, r"a regular expression, found '\('"),
        ("json_schema", {"schema": {"type": "objekt"}}, "a JSON schema"),
        ("choice", {"answer": "b"}, "answer: "),
        ("number", {"answer": "1", "tolerance": -0.5}, "tolerance: .*greater than or equal to 0"),
        ("exact", {"answer": ""}, "answer: "),
        ("same_words", {"answers": []}, "answers: "),
        ("letter_at_least", {"letter": "", "count": 1}, "letter: "),
        ("letter_at_least", {"letter": "ab", "count": 1}, "letter: "),
        ("lettered", {"count": 0}, "count: "),
        ("lettered", {"count": 27}, "count: "),
        ("parts", {"separator": "", "count": 2}, "separator: "),
        ("parts", {"separator": "*", "count": 1}, "count: .*greater than 1"),
        ("separated_by_commas", {"count": 1}, "count: .*greater than 1"),
        ("at_least_marks", {"mark": "!!", "count": 1}, "mark: "),
        ("at_least_marks", {"mark": "", "count": 1}, "mark: "),
        ("contains", {"phrase": ""}, "phrase: "),
        ("contains_all", {"phrases": []}, "phrases: "),
        ("matches", {"pattern": ""}, "pattern: "),
    ],
)
def test_what_cannot_be_checked_is_said(name: str, arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        verify(name, "{}", arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "text", "reason"),
    [
        ("quoted", {}, "“a” b", "it begins with ““” and ends with “b”, one pair of quotation marks asked for"),
        ("titled", {}, "A", "titles in << >>: none, one asked for"),
        ("numbered", {"count": 3}, "1. a\n3. b", "lines numbered 1, 3, 1 to 3 asked for"),
        ("numbered", {"count": 3}, "a", "lines numbered not at all, 1 to 3 asked for"),
        ("lettered", {"count": 3}, "a) x", "lines lettered a, a to c asked for"),
        ("sections", {"word": "Part", "count": 2}, "Part 1", "Part 1, 1 to 2 asked for"),
        ("no_digits", {}, "a", "digits, which were not to be used: none"),
        ("no_exclamation_marks", {}, "a! b！", "2 exclamation marks, none asked for"),
        ("title_case", {}, "A", "words that begin with a small letter: none"),
        ("title_case", {}, "a b c d e f", "words that begin with a small letter: ['a', 'b', 'c', 'd', 'e']"),
        ("contains_all", {"phrases": ["a"]}, "a", "missing of ['a']: none"),
        ("contains_none", {"phrases": ["a"]}, "b", "used of ['a'], none of which was to be: none"),
        ("says_exactly", {"phrase": "a"}, "a", "nothing else is said"),
        ("contains", {"phrase": "a"}, "b", "“a” stands in it 0 times, once asked for"),
        ("repeats_first", {"request": "Go on"}, "Go on", "it does not"),
        (
            "repeats_first",
            {"request": "Go"},
            "Go on",
            "the request comes first and an answer behind it, both asked for",
        ),
        ("sentences_begin_with", {"phrase": "My"}, "My cat.", "sentences that do not begin with “My”: none"),
        ("json_object", {"keys": ["a"]}, "{}", "keys that are missing: ['a']"),
        ("numbers_in_order", {"answers": ["1", "2"]}, "5, 4, 3", "it ends with 5, 4, 3, asked for: 1, 2"),
        ("choice", {"answer": "B"}, "A or C", "it names A, C, B is right"),
        ("names_one_of", {"answer": "Ben", "names": ["Ben", "Ida"]}, "Ben", "it names Ben, Ben is right"),
        (
            "names_one_of",
            {"answer": "Ben", "names": ["Ben", "Ida"]},
            "x",
            "it names nobody of ['Ben', 'Ida'], Ben is right",
        ),
        (
            "in_language",
            {"code": "de"},
            "The weather was very nice today, and so we all went for a long walk by the river.",
            "its language is en, de asked for",
        ),
    ],
)
def test_the_reason_says_what_was_found(name: str, arguments: dict[str, Any], text: str, reason: str) -> None:
    assert verify(name, text, arguments).reason == reason


@pytest.mark.parametrize(
    "text", ["." * 20_000 + "x", "A. " * 7_000, "a." * 10_000, "a" + "\n" * 20_000 + "b", "1. a\n" * 4_000]
)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("at_most_sentences", {"count": 1}),
        ("at_most_words", {"count": 1}),
        ("numbered", {"count": 2}),
        ("lettered", {"count": 2}),
        ("sections", {"word": "Part", "count": 2}),
        ("in_code_block", {}),
        ("postscript", {}),
        *ANSWERS,
    ],
)
def test_what_a_check_takes_grows_with_the_text_and_not_with_its_square(
    name: str, arguments: dict[str, Any], text: str
) -> None:
    begin = time.process_time()
    verify(name, text, arguments)
    assert time.process_time() - begin < 0.5  # of the square: over a second, and up to thirteen


@pytest.mark.parametrize(
    "text",
    [
        "####" * 10_000,
        "\\boxed{" * 5_000,
        "5 and " * 2_000,
        "?" * 30_000 + "x",
        "5" + " " * 30_000 + "6",
        "5, , " * 3_000,
    ],
)
@pytest.mark.parametrize(("name", "arguments"), ANSWERS)
def test_an_answer_is_found_in_time(name: str, arguments: dict[str, Any], text: str) -> None:
    begin = time.process_time()
    verify(name, text, arguments)
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("9" * 400, "cannot tell"),  # a float ends before 309 digits
        ("9" * 5000, "cannot tell"),  # and int() before 4,301
        ("hundred " * 200, "cannot tell"),
        ("The answer is " + "1e99 " * 900, "fail"),
        ("1/" + "9" * 400, "cannot tell"),
        ("7 " * 9000, "fail"),
    ],
)
def test_a_number_beyond_all_bounds_is_no_answer_and_no_error(text: str, outcome: str) -> None:
    said = verify("number", text, {"answer": "5"})
    assert (said.outcome, len(said.reason) < 600) == (outcome, True)


def test_arguments_from_a_file_may_be_text() -> None:
    assert verify("at_most_words", "One two.", {"count": "2"}).passed


def test_a_check_has_a_version_and_says_what_it_takes() -> None:
    one = found("words_between")
    assert (one.version, list(one.arguments)) == (2, ["least", "most"])


def test_two_checks_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_commas(text: str) -> Finding:
        return judged(True, text)

    monkeypatch.setattr(lengths, "another", check(version=1)(no_commas), raising=False)
    checks.cache_clear()
    with pytest.raises(ValueError, match="two checks are called no_commas"):
        checks()
    monkeypatch.undo()
    assert "no_commas" in checks()


def test_nothing_is_fetched_for_a_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[object] = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda address, **_: fetched.append(address))
    with pytest.raises(ValueError, match="that is whole, found one that refers to"):
        verify("json_schema", "{}", {"schema": {"$ref": "http://127.0.0.1:1/a"}})
    assert fetched == []
