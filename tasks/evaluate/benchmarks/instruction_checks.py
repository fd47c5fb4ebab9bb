"""Instructions that a rule can check: whether a response follows the one that its prompt gives.

    followed("at_most_words", "Two words.", {"count": 5})      # True

The rows are deployments/benchmarks/instructions.jsonl; lm-evaluation-harness calls `process_results` for each.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any

WORD = re.compile(r"\w+(?:['’-]\w+)*")
BULLET = re.compile(r"^\s*[-*•]\s+\S", re.MULTILINE)
NUMBERED = re.compile(r"^\s*(\d+)[.)]\s+\S", re.MULTILINE)
SENTENCE_END = re.compile(r"[.!?]+[\"'”’)*_]*(?=\s|$)")


def words(text: str) -> list[str]:
    return [word.casefold() for word in WORD.findall(text)]


def at_most_words(response: str, count: int) -> bool:
    return len(words(response)) <= count


def at_least_words(response: str, count: int) -> bool:
    return len(words(response)) >= count


def contains(response: str, word: str) -> bool:
    """As a word of its own, in any case: "art" is not in "start"."""
    return word.casefold() in words(response)


def contains_both(response: str, first: str, second: str) -> bool:
    return contains(response, first) and contains(response, second)


def begins_with(response: str, word: str) -> bool:
    return words(response)[:1] == [word.casefold()]


def ends_with_question(response: str) -> bool:
    return response.rstrip(" \n\"'”’)*_").endswith("?")


def bullets(response: str, count: int) -> bool:
    """Markdown's marks, -, * and •; other lines may stand around them."""
    return len(BULLET.findall(response)) == count


def numbered(response: str, count: int) -> bool:
    """Lines numbered from 1 without a gap; other lines may stand around them."""
    return NUMBERED.findall(response) == [str(number) for number in range(1, count + 1)]


def lower_case(response: str) -> bool:
    return response.islower()


def upper_case(response: str) -> bool:
    return response.isupper()


def no_commas(response: str) -> bool:
    return "," not in response


def one_sentence(response: str) -> bool:
    """One end of a sentence, at the end of the text; a text that was cut off has none."""
    ends = [match.end() for match in SENTENCE_END.finditer(response.rstrip())]
    return ends == [len(response.rstrip())]


CHECKS: dict[str, Callable[..., bool]] = {
    check.__name__: check
    for check in (
        *(at_most_words, at_least_words, contains, contains_both, begins_with, ends_with_question),
        *(bullets, numbered, lower_case, upper_case, no_commas, one_sentence),
    )
}


def followed(check: str, response: str, arguments: dict[str, Any]) -> bool:
    """Whether the response follows; an empty one follows nothing. Raises ValueError for a check it does not know."""
    if check not in CHECKS:
        raise ValueError(f"expected one of the checks {', '.join(CHECKS)}, found {check!r}; correct the row's check")
    parameters = inspect.get_annotations(CHECKS[check])
    wanted = {name: kind for name, kind in parameters.items() if name not in ("response", "return")}
    if {name: type(value) for name, value in arguments.items()} != wanted:
        expected = ", ".join(f"{name} ({kind.__name__})" for name, kind in wanted.items()) or "none"
        raise ValueError(f"{check}: expected the arguments {expected}, found {arguments}; correct the row's arguments")
    return bool(response.strip()) and CHECKS[check](response.strip(), **arguments)


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    try:
        return {"followed": float(followed(doc["check"], results[0], doc["arguments"]))}
    except ValueError as error:
        raise ValueError(f"the instruction {doc['prompt']!r}: {error}") from None
