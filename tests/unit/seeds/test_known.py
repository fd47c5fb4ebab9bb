"""Seeds that know what is right: from which columns, and what becomes of rows that say it wrongly."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.recipe.data import ReadingConfig
from tasks.seeds.known import checks_of
from tasks.seeds.reading import SeedSet, read
from tasks.store.verified import Asked

GSM8K = "She sells 16 - 3 = 13 eggs.\nThat is 13 * 2 = $26.\n#### 26"


def asked(values: dict[str, Any], response: str = "So it is.") -> list[tuple[str, dict[str, Any]]]:
    return [(one.check, one.given) for one in checks_of(values, response)]


@pytest.mark.parametrize(
    ("values", "response", "expected"),
    [
        ({}, "So it is.", []),
        ({"answer": None}, "So it is.", []),
        ({"answer": "12"}, "4 and 8 are 12.", [("number", {"answer": "12"})]),
        ({"answer": 12}, "4 and 8 are 12.", [("number", {"answer": "12"})]),
        ({"answer": "$1,200"}, "So it is.", [("number", {"answer": "$1,200"})]),
        ({"answer": "Paris"}, "It is Paris.", [("same_words", {"answers": ["Paris"]})]),
        ({"answer": "$\\frac{1}{2}$"}, "Half.", [("same_mathematics", {"answer": "$\\frac{1}{2}$"})]),
        ({"answer": "x^2"}, "So it is.", [("same_mathematics", {"answer": "x^2"})]),
        (
            {"answer": "B", "choices": ["a dog", "a cat"]},
            "A cat.",
            [("choice", {"answer": "B", "choices": ["a dog", "a cat"]})],
        ),
        (
            {"answer": "a cat", "choices": '["a dog", "a cat"]'},
            "",
            [("choice", {"answer": "B", "choices": ["a dog", "a cat"]})],
        ),
        (
            {"answer": 4, "choices": [2, 3, 4]},
            "",
            [("choice", {"answer": "C", "choices": ["2", "3", "4"]})],
        ),
        ({"answer": "B"}, "The vitamin is B.", [("choice", {"answer": "B"})]),
        ({"answer": "42"}, "42", [("number", {"answer": "42"})]),
        ({"answer": "1e3"}, "1000", [("number", {"answer": "1e3"})]),
        ({"answer": "half"}, "0.5", [("number", {"answer": "half"})]),
        ({"answer": "$5 million"}, "So.", [("number", {"answer": "$5 million"})]),
        ({"answer": "1/2"}, "0.5", [("same_mathematics", {"answer": "1/2"})]),
        *[
            ({"answer": one}, "So it is.", [("same_mathematics", {"answer": one})])
            for one in ("x+1", "-x", "(1, 2)", "x > 3")
        ],
        *[
            ({"answer": one}, "So it is.", [("same_words", {"answers": [one]})])
            for one in ("C++", "+", "10:30", "AC/DC", "3-2", "0x10", "2024-01-05", "US$5", "x", "text #### The end")
        ],
        ({}, "Two parts.\n#### The end", []),
        ({}, "Two parts.\n#### 5 tips", []),
        ({}, "##### 5", []),
        ({}, "Two parts.\n#### $1,000", [("number", {"answer": "$1,000"})]),
        ({"question": "How much?", "answer": GSM8K}, GSM8K, [("number", {"answer": "26"})]),
        ({"prompt": "How much?", "response": GSM8K}, GSM8K, [("number", {"answer": "26"})]),
        ({"answer": GSM8K}, "26 dollars.", [("number", {"answer": "26"})]),
        ({"tests": "assert f() == 1"}, "def f(): return 1", [("passes_tests", {"tests": "assert f() == 1"})]),
        ({"tests": ["assert f()", "assert g()"]}, "", [("passes_tests", {"tests": "assert f()\nassert g()"})]),
        ({"check": "bullets", "arguments": {"count": 3}}, "- a", [("bullets", {"count": 3})]),
        ({"check": "bullets", "arguments": '{"count": 3}'}, "- a", [("bullets", {"count": 3})]),
        ({"check": "no_commas", "arguments": None}, "- a", [("no_commas", {})]),
        (
            {"answer": "12", "check": "at_most_words", "arguments": {"count": 9}},
            "So.",
            [("number", {"answer": "12"}), ("at_most_words", {"count": 9})],
        ),
        # A long answer that is the response again: others would word it otherwise.
        ({"answer": GSM8K.partition("#")[0].strip()}, GSM8K.partition("#")[0].strip(), []),
    ],
)
def test_a_row_says_what_is_right(values: dict[str, Any], response: str, expected: Any) -> None:
    assert asked(values, response) == expected


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"check": "rhymes"}, "expected one of the checks"),
        ({"check": "bullets"}, r"bullets: expected the arguments count"),
        ({"check": "bullets", "arguments": "{"}, "arguments: expected a JSON object, found '{'"),
        ({"check": "bullets", "arguments": [3]}, r"arguments: expected an object, found \[3\]"),
        ({"check": "passes_tests"}, r"passes_tests: expected the arguments tests \(str\), found {}"),
        (
            {"check": "own_function", "arguments": {"name": "a:b"}},
            r"own_function: expected the arguments function \(str\), arg",
        ),
        *[
            ({"answer": one}, rf"expected an answer that is one number, found '{one}'; write 1000, 3.5 or 1/2")
            for one in ("3,5", "1,00,000", "12,5 %", "1.000,50", "3,7,12")
        ],
        ({"answer": "So.\n#### 3,5"}, "one number, found '3,5'"),
        ({"answer": "\\sqrt{"}, "expected an answer that is mathematics, found"),
        ({"answer": "C", "choices": ["a", "b"]}, "the letter of one of 2 choices, found C"),
        *[
            ({"answer": 1, "choices": there}, "a letter, or the words of one of 2 choices, found '1'")
            for there in (["a", "b"], ["1", "0"])
        ],
        ({"answer": "12 or so ####"}, None),
    ],
)
def test_a_row_that_says_it_wrongly_is_refused(values: dict[str, Any], says: str | None) -> None:
    if says is None:
        assert asked(values) == [("same_words", {"answers": ["12 or so ####"]})]
        return
    with pytest.raises(ValueError, match=says):
        asked(values)


def found(folder: Path, rows: list[dict[str, Any]], **config: Any) -> SeedSet:
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read(folder / "a.jsonl", ReadingConfig(**config), on_row=lambda count: None)


def test_a_wrong_row_is_one_reject_and_the_others_are_read(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"Say {n}.", "response": str(n), "check": name} for n, name in enumerate(("no_commas", "rhymes"))
    ]
    it = found(tmp_path, rows)
    assert [seed.instruction for seed in it.seeds] == ["Say 0."]
    (reject,) = it.rejects
    assert (reject.row, reject.rule) == ("a.jsonl:2", "wrong_check")
    assert reject.detail.startswith("expected one of the checks")
    assert it.known == {it.seeds[0].id: (Asked.of("no_commas", {}),)}
    assert it.ignored_columns == []


def test_your_columns_may_have_other_names(tmp_path: Path) -> None:
    rows = [{"text": "Double it.", "code": "def d(n): return 2 * n", "test_list": ["assert d(1) == 2"], "id": 7}]
    it = found(tmp_path, rows, columns={"prompt": "text", "response": "code", "tests": "test_list"})
    assert [(seed.instruction, seed.response) for seed in it.seeds] == [("Double it.", "def d(n): return 2 * n")]
    assert list(it.known.values()) == [(Asked.of("passes_tests", {"tests": "assert d(1) == 2"}),)]
    assert it.ignored_columns == ["id"]


def test_an_answer_beside_the_response_is_known_where_they_are_the_same(tmp_path: Path) -> None:
    it = found(
        tmp_path, [{"prompt": "How much?", "response": "42", "answer": "42"}, {"prompt": "Who?", "answer": "Ida"}]
    )
    assert [it.known.get(seed.id) for seed in it.seeds] == [(Asked.of("number", {"answer": "42"}),), None]


def test_mathematics_that_cannot_be_read_is_one_reject(tmp_path: Path) -> None:
    rows = [{"prompt": f"Solve {one}.", "response": "So.", "answer": one} for one in ("$x^2$", "$\\frac{1}{$", "x+1")]
    it = found(tmp_path, rows)
    assert [(reject.row, reject.rule) for reject in it.rejects] == [("a.jsonl:2", "wrong_check")]
    assert len(it.known) == 2


def test_where_there_is_no_other_response_the_answer_is_it(tmp_path: Path) -> None:
    it = found(tmp_path, [{"prompt": "How much?", "answer": GSM8K}])
    assert (it.seeds[0].response, list(it.known.values())) == (GSM8K, [(Asked.of("number", {"answer": "26"}),)])
