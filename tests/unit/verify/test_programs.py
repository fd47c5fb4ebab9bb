"""What can be said of code, mathematics and functions of one's own without running them."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.verify.checks.base import Refused, checks, source_of, take, told, verify
from tasks.verify.checks.programs import code_in

BRIEF = "def double(n):\n    return 2 * n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BRIEF, [BRIEF]),
        (f"```py3\n{BRIEF}\n```", [BRIEF]),
        (f"```\n{BRIEF}\n```\n```\n4\n```", [BRIEF]),
        (f"```python\n{BRIEF}\n```\n```\n{BRIEF}0\n```", [BRIEF]),
        (f"```python\n{BRIEF}\n```\n```python\n>>> double(2)\n4\n```", [BRIEF]),
        ("```\ndouble(2)\n```", ["double(2)"]),
        ("```\nno code\n```", ["no code"]),
        ("```js\nlet a\n```", []),
    ],
)
def test_the_code_of_a_text(text: str, expected: list[str]) -> None:
    assert code_in(text) == expected


def test_what_is_run_apart_can_be_refused_before() -> None:
    assert {name for name, one in checks().items() if one.apart} == {
        name for name, one in checks().items() if one.takes
    }


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("passes_tests", {"tests": "assert double(2) == 4"}),
        ("passes_tests", {"tests": "def check(f):\n    assert f(2) == 4\ncheck(double)"}),
        ("passes_tests", {"tests": "if double(2) != 4:\n    raise ValueError"}),
        ("passes_tests", {"tests": " + ".join(["double(1)"] * 300)}),
        ("same_mathematics", {"answer": r"2\sqrt{3}"}),
        ("same_mathematics", {"answer": r"$\frac{1}{2}$ cup"}),
        ("same_mathematics", {"answer": "1/2 cup"}),
        ("same_mathematics", {"answer": "It costs $5/2"}),
        ("own_function", {"function": "tests.support.checks_of_a_user:rhymes", "arguments": {"word": "a"}}),
        ("at_most_words", {"count": "3"}),
    ],
)
def test_arguments_that_a_check_takes(name: str, arguments: dict[str, Any]) -> None:
    take(name, arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("passes_tests", {}, "passes_tests: expected the arguments tests"),
        ("passes_tests", {"tests": "assert ("}, "passes_tests: tests: expected Python"),
        ("passes_tests", {"tests": "# todo"}, "passes_tests: tests: expected assertions, or calls"),
        (
            "passes_tests",
            {"tests": "def check(f):\n    assert f(2) == 4"},
            r"none that is run .* such as check\(double\)",
        ),
        ("passes_tests", {"tests": "def test_double():\n    assert double(2) == 4"}, "expected assertions"),
        ("passes_tests", {"tests": "import a\nif __name__ == '__main__':\n    a.main()"}, "expected assertions"),
        ("passes_tests", {"tests": "class Test:\n    def test(self): assert f()"}, "expected assertions"),
        ("same_mathematics", {"answer": ""}, "same_mathematics: expected the arguments answer"),
        ("same_mathematics", {"answer": "a lot"}, "expected an answer that is mathematics, found 'a lot': set LaTeX"),
        ("same_mathematics", {"answer": "pi/2"}, "expected an answer that is mathematics"),
        ("same_mathematics", {"answer": "2xy + 1"}, "expected an answer that is mathematics"),
        ("same_mathematics", {"answer": "1/2 or 2/3"}, "expected an answer that is mathematics"),
        ("same_mathematics", {"answer": "$x^2$, that is 4"}, "expected an answer that is mathematics"),
        ("same_mathematics", {"answer": r"\frac{1}{2"}, "expected an answer that is mathematics"),
        ("own_function", {"function": "rhymes"}, "own_function: expected the arguments function"),
        (
            "own_function",
            {"function": "nowhere.at.all:f"},
            "own_function: .* expected a module of Python, nowhere/at/all.py",
        ),
        ("json_schema", {"schema": {"items": {"format": "uri"}}}, "expected the formats date, .* found 'uri'"),
        ("json_schema", {"schema": {"patternProperties": {"a": {}}}}, "without patternProperties inside"),
        ("json_schema", {"schema": {"$defs": {"a": {"$schema": "x"}}}}, r"without \$schema inside"),
        ("no_such", {}, "expected one of the checks"),
    ],
)
def test_arguments_that_a_check_does_not_take(name: str, arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        take(name, arguments)


def test_a_module_is_found_where_one_stands_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    for file in ("mine/__init__.py", "mine/checks.py", "alone.py"):
        (tmp_path / file).write_text(f"raise OSError({file!r})")
    with pytest.raises(Refused, match="expected a module of Python, mine/checks"):
        source_of("mine.checks:good")
    monkeypatch.chdir(tmp_path)
    assert len({source_of(f"{module}:good") for module in ("mine", "mine.checks", "alone")}) == 3
    assert sys.modules.keys().isdisjoint({"mine", "mine.checks", "alone"})


def test_what_goes_too_deep_is_not_known() -> None:
    schema = {"$ref": "#/$defs/list", "$defs": {"list": {"type": "array", "items": {"$ref": "#/$defs/list"}}}}
    assert verify("json_schema", "[[]]", {"schema": schema}).passed
    assert verify("json_schema", "[" * 400 + "]" * 400, {"schema": schema}).outcome == "cannot tell"


def test_an_error_is_told_whatever_it_says() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise KeyError

    assert told(ValueError("no")) == "ValueError: no"
    assert told(AssertionError(), "a test does not hold") == "AssertionError: a test does not hold"
    assert told(Silent()) == "Silent: it cannot say what, for KeyError"
