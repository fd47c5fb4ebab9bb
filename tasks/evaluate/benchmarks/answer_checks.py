"""Whether an answer to one of the panel's problems is right: a number, numbers in order, or a name.

deployments/benchmarks/sum.yaml, sorting.yaml and reading.yaml name these functions for lm-evaluation-harness. A chat
model says "The answer is 12.", so each kind says how its answer is found.
"""

import re
from typing import Any

NUMBER = r"-?\d+(?:\.\d+)?"
NUMBERS = re.compile(rf"{NUMBER}(?:,\s*(?:and\s+)?{NUMBER})+")
NAME = r"[^\W\d_][\w'’-]*"


def last_number(response: str) -> str:
    found: list[str] = re.findall(NUMBER, response)
    return found[-1] if found else ""


def last_numbers(response: str) -> list[str]:
    """The last run of numbers with commas between, with or without brackets and quotation marks."""
    runs = NUMBERS.findall(re.sub(r"['\"]", "", response))
    return re.findall(NUMBER, runs[-1]) if runs else []


def only_name(response: str, prompt: str) -> str:
    """The one name that the response takes from the statements; none if it repeats several."""
    known = set(re.findall(rf"(?:^|\. )({NAME})", prompt))  # a statement begins with its name
    named = known & set(re.findall(NAME, response))
    return named.pop() if len(named) == 1 else ""


def number(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    found = last_number(results[0])
    return {"solved": float(bool(found) and float(found) == float(doc["answer"]))}


def order(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    found, wanted = last_numbers(results[0]), doc["answer"].split(", ")
    return {"solved": float([float(n) for n in found] == [float(n) for n in wanted])}


def name(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    return {"solved": float(only_name(results[0], doc["prompt"]) == doc["answer"])}
