"""Reasoning Gym's problems as tasks of lm-evaluation-harness, made when loaded and scored by the package's own rules.

deployments/benchmarks/sum.yaml, sorting.yaml and reading.yaml name `dataset` and `process_results`; they run in the
model environment. The package scores an answer, not a sentence with an answer in it: each kind says how it is found.
Imports within functions: so the fast tests, which have neither package, can look for answers.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

NUMBER = r"-?\d+(?:\.\d+)?"
NUMBERS = re.compile(rf"{NUMBER}(?:,\s*(?:and\s+)?{NUMBER})+")
NAME = r"[^\W\d_][\w'’-]*"


def last_number(response: str, question: str) -> str:
    found: list[str] = re.findall(NUMBER, response)
    return found[-1] if found else ""


def last_numbers(response: str, question: str) -> str:
    """The last run of numbers with commas between, with or without brackets and quotation marks, as a JSON list."""
    runs = NUMBERS.findall(re.sub(r"['\"]", "", response))
    return json.dumps(re.findall(NUMBER, runs[-1])) if runs else ""


def only_name(response: str, question: str) -> str:
    """The one name that the response takes from the statements; none if it repeats several."""
    known = set(re.findall(rf"(?:^|\. )({NAME})", question))  # a statement begins with its name
    named = known & set(re.findall(NAME, response))
    return named.pop() if len(named) == 1 else ""


ANSWERS: dict[str, Callable[[str, str], str]] = {
    "chain_sum": last_number,
    "number_sorting": last_numbers,
    "needle_haystack": only_name,
}


def dataset(reasoning: dict[str, Any], **_: Any) -> dict[str, Any]:
    """`size` different problems of `kind`, made with `seed` and the kind's own settings.

    All in one key: the harness passes its metadata and the model's arguments too, which may have a seed of their own.
    """
    import reasoning_gym  # type: ignore[import-not-found]
    from datasets import Dataset

    settings = dict(reasoning)
    kind, size = settings.pop("kind"), settings.pop("size")
    if kind not in ANSWERS:
        raise ValueError(f"expected a kind of {', '.join(ANSWERS)}, found {kind!r}; add to ANSWERS how it answers")
    found: dict[str, dict[str, Any]] = {}
    for made in reasoning_gym.create_dataset(kind, size=10 * size, **settings):  # easy kinds repeat themselves
        row = {"kind": kind, "question": made["question"], "answer": made["answer"]}
        found.setdefault(made["question"], row | {"metadata": json.dumps(made["metadata"])})
        if len(found) == size:
            return {"test": Dataset.from_list(list(found.values()))}
    raise ValueError(f"{kind}: expected {size} different problems, found {len(found)}; widen its settings or ask fewer")


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    answer = ANSWERS[doc["kind"]](results[0], doc["question"])
    entry = {"question": doc["question"], "answer": doc["answer"], "metadata": json.loads(doc["metadata"])}
    return {"solved": float(_scorer(doc["kind"])(answer, entry) == 1)}  # some kinds give a part for a part


@cache
def _scorer(kind: str) -> Callable[[str, dict[str, Any]], float]:
    import reasoning_gym

    scorer: Callable[[str, dict[str, Any]], float] = reasoning_gym.get_score_answer_fn(kind)
    return scorer
