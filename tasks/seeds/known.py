"""What a seed's row says of the right answer: checks that any answer to its instruction has to pass.

    checks_of({"question": ..., "answer": "... #### 18"}, "... #### 18")     # [number, answer 18]

Columns: `answer` (with `choices` where it is one of them, by letter or words), `tests` (Python, or a list of it),
`check` with `arguments` (an object, or its JSON). A response that ends with `#### N`, as GSM8K's do, says N.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from tasks.store.verified import Asked
from tasks.verify.checks.base import take
from tasks.verify.checks.numerals import value_of
from tasks.verify.checks.programs import runs_something

COLUMNS = ("answer", "choices", "tests", "check", "arguments")
NUMBER = re.compile(  # meant as one, whether it can be read or not
    r"[$€£]?\s*-?(?:\d[\d,]*(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+)\s*%?"
)
LATEX = re.compile(r"[\\^]|\d\s*[/=]\s*\d")
# x + 1, -x, x > 3, (1, 2); not 3-2, 10:30, C++ or AC/DC.
FORMULA = re.compile(r"(?:(?<![a-z])[a-z](?![a-z])|[-−+*/=<>≤≥|\d\s.,()\[\]{}])+")
RELATED = re.compile(r"[a-z].*[-−+*/=<>≤≥]|[-−+*/=<>≤≥].*[a-z]|[(\[]\s*[-−]?[\d.]+\s*,")
REPEATED = 10  # words of an answer that is the response again, beyond which others would word it otherwise


def checks_of(values: Mapping[str, Any], response: str) -> tuple[Asked, ...]:
    """Empty where the row knows nothing. Raises ValueError with what was expected, for a row that says it wrongly.

    `values` without the columns that the instruction and the response were read from.
    """
    asked = []
    answer = values.get("answer")
    said = "" if answer is None or answer != answer else str(answer).strip()  # NaN: pandas has none
    if said and (said != response or len(said.split()) <= REPEATED):
        asked.append(_of_answer(said, values.get("choices")))
    elif marked := _marked(response):
        asked.append(Asked.of("number", {"answer": marked}))
    if tests := values.get("tests"):
        lines = map(str, tests) if isinstance(tests, list) else [str(tests)]
        asked.append(Asked.of("passes_tests", {"tests": _python("\n".join(lines))}))
    if name := values.get("check"):
        asked.append(Asked.of(str(name), _arguments(values.get("arguments"))))
    for one in asked:
        take(one.check, one.given)
    return tuple(asked)


def _marked(text: str) -> str:
    """The number behind its last ####; "" where there is none: "#### 5 tips" is a heading."""
    before, mark, behind = text.rpartition("####")
    said = behind.strip()
    there = mark and not before.endswith("#") and (NUMBER.fullmatch(said) or value_of(said) is not None)
    return said if there else ""


def _of_answer(answer: str, choices: object) -> Asked:
    """By what it looks like: a letter, with choices or without, a number, mathematics, or words."""
    if marked := _marked(answer):
        return Asked.of("number", {"answer": marked})
    if choices:
        there = _choices(choices)
        return Asked.of("choice", {"answer": _letter(answer, there), "choices": there})
    if re.fullmatch("[A-Z]", answer):
        return Asked.of("choice", {"answer": answer})
    latex = LATEX.search(answer)
    if NUMBER.fullmatch(answer) or (not latex and value_of(answer) is not None):
        return Asked.of("number", {"answer": answer})
    if latex or answer.count("$") > 1 or (FORMULA.fullmatch(answer) and RELATED.search(answer)):
        return Asked.of("same_mathematics", {"answer": answer})
    return Asked.of("same_words", {"answers": [answer]})


def _python(tests: str) -> str:
    runs_something(tests)
    return tests


def _letter(answer: str, choices: list[str]) -> str:
    """Raises ValueError for a place in the list: some datasets count from 0, and some from 1."""
    if re.fullmatch("[A-Z]", answer):
        return answer
    places = [place for place, one in enumerate(choices) if one.strip() == answer]
    counted = answer.isdecimal() and int(answer) <= len(choices) and int(answer) not in places
    if len(places) != 1 or counted:
        raise ValueError(f"expected a letter, or the words of one of {len(choices)} choices, found {answer!r}")
    return chr(65 + places[0])


def _choices(given: object) -> list[str]:
    try:
        read = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        read = None
    if not isinstance(read, list):
        raise ValueError(f"choices: expected a list, or one as JSON, found {given!r}")
    return [str(one) for one in read]


def _arguments(given: object) -> dict[str, Any]:
    try:
        read = json.loads(given) if isinstance(given, str) else given or {}
    except ValueError as error:
        raise ValueError(f"arguments: expected a JSON object, found {given!r}: {error}") from error
    if not isinstance(read, dict):
        raise ValueError(f"arguments: expected an object, found {given!r}")
    return read
