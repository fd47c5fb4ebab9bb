"""Make deployments/benchmarks/{sum,sorting,reading}.jsonl again, with Reasoning Gym, in an environment apart:

    pip install reasoning-gym==0.1.25 && python infra/problems.py

The rows are shipped and the package is not required: it brings fifteen others, one of them C code to compile.
Problem i of a set is drawn with seed + i, so data to train on must not be made with seeds from 20,000 to 20,599.
"""

import json
import re
from pathlib import Path
from typing import Any

import reasoning_gym

FOLDER = Path(__file__).resolve().parents[1] / "deployments" / "benchmarks"
SEED, SIZE = 20_000, 60
KINDS: dict[str, dict[str, Any]] = {
    "sum": {"kind": "chain_sum", "min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 2},
    "sorting": {
        "kind": "number_sorting",
        "min_numbers": 2,  # three alone are sorted below chance by a 135M model
        "max_numbers": 3,
        "max_decimals": 0,
        "min_value": 1,
        "max_value": 99,
    },
    "reading": {"kind": "needle_haystack", "min_num_statements": 2, "max_num_statements": 2},
}


def prompt(name: str, question: str) -> str:
    """The package's question in words that a small model answers instead of repeating."""
    match name:
        case "sum":
            asked = question.replace("State the final answer to the following arithmetic problem:", "What is")
            return asked.replace(" =", "?") + " Answer with the number alone."
        case "sorting":  # numpy 2 makes 94.0 of a whole number
            asked = question.splitlines()[0].replace(".0", "")
            return f"{asked}. Reply with the numbers alone, separated by commas."
        case _:
            return question.replace("Reply only with a name.", "Answer with the name alone.")


def main() -> None:
    for name, settings in KINDS.items():
        found: dict[str, str] = {}  # easy kinds repeat themselves
        for made in reasoning_gym.create_dataset(settings.pop("kind"), size=10 * SIZE, seed=SEED, **settings):
            answer = re.sub(r"[\[\]']|\.0", "", made["answer"])
            found.setdefault(prompt(name, made["question"]), answer)
        rows = [{"prompt": asked, "answer": answer} for asked, answer in list(found.items())[:SIZE]]
        assert len(rows) == SIZE, f"{name}: {len(rows)} different problems"
        (FOLDER / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
