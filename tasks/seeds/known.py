"""What a seed's row says of the right answer: checks that any answer to its instruction has to pass.

    checks_of({"question": ..., "answer": "... #### 18"}, "... #### 18")     # [number, answer 18]

Columns: `answer` (with `choices` where it is a letter), `tests` (Python, or a list of it), `check` with `arguments` (an
object, or its JSON). A response that ends with `#### N`, as GSM8K's do, says N.
"""

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from tasks.store.verified import Asked
from tasks.verify.checks.base import found, verify

COLUMNS = ("answer", "choices", "tests", "check", "arguments")
MARKED = re.compile(r"####\s*(\S.*?)\s*$")
NUMBER = re.compile(r"[$€£]?\s*-?\d[\d,]*(?:\.\d+)?\s*%?")
MATHEMATICS = re.compile(r"[\\^$]|\d\s*[/=]\s*\d")


def checks_of(values: Mapping[str, Any], response: str) -> tuple[Asked, ...]:
    """Empty where the row knows nothing. Raises ValueError with what was expected, for a row that says it wrongly."""
    asked = []
    answer = values.get("answer")
    said = "" if answer is None or answer != answer else str(answer).strip()  # NaN: pandas has none
    if said and said != response:
        asked.append(_of_answer(said, values.get("choices")))
    elif marked := MARKED.search(response):
        asked.append(Asked.of("number", {"answer": marked[1]}))
    if tests := values.get("tests"):
        lines = map(str, tests) if isinstance(tests, list) else [str(tests)]
        asked.append(Asked.of("passes_tests", {"tests": _python("\n".join(lines))}))
    if name := values.get("check"):
        asked.append(Asked.of(str(name), _arguments(values.get("arguments"))))
    for one in asked:
        _take(one)
    return tuple(asked)


def _of_answer(answer: str, choices: object) -> Asked:
    """By what it looks like: a letter of choices, a number, mathematics, or words."""
    if marked := MARKED.search(answer):
        return Asked.of("number", {"answer": marked[1]})
    if choices and re.fullmatch("[A-Z]", answer):
        return Asked.of("choice", {"answer": answer, "choices": _choices(choices)})
    if NUMBER.fullmatch(answer):
        return Asked.of("number", {"answer": answer})
    if MATHEMATICS.search(answer):
        return Asked.of("same_mathematics", {"answer": answer})
    return Asked.of("same_words", {"answers": [answer]})


def _python(tests: str) -> str:
    try:
        ast.parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"tests: expected Python, found {tests[:80]!r}: {error}") from error
    return tests


def _choices(given: object) -> list[Any]:
    try:
        read = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        read = None
    if not isinstance(read, list):
        raise ValueError(f"choices: expected a list, or one as JSON, found {given!r}")
    return read


def _arguments(given: object) -> dict[str, Any]:
    try:
        read = json.loads(given) if isinstance(given, str) else given or {}
    except ValueError as error:
        raise ValueError(f"arguments: expected a JSON object, found {given!r}: {error}") from error
    if not isinstance(read, dict):
        raise ValueError(f"arguments: expected an object, found {given!r}")
    return read


def _take(asked: Asked) -> None:
    """Raise ValueError for a check that there is not, or arguments that it does not take."""
    if not found(asked.check).apart:
        verify(asked.check, "Any answer.", asked.given)
        return
    known, required = found(asked.check).arguments, found(asked.check).required
    if not required <= asked.given.keys() <= known.keys():
        raise ValueError(f"{asked.check}: expected the arguments {', '.join(known)}, found {sorted(asked.given)}")
