"""Panels: questions that models are measured with, made from what nothing is trained on.

    panel("sum", 300, "gate", ("my evolution", 3))        # 300 questions, others for another key

The same name, count, part and key give the same questions. `gate` and `test` have no instruction in common: what a
verdict is made from is not what the report shows.
"""

import random
from collections.abc import Mapping
from typing import Literal

from tasks.recipe.evaluation import Panel
from tasks.store.rows import Seed, sampling_seed
from tasks.store.verified import Question
from tasks.verify.questions.computed import made
from tasks.verify.questions.kinds import kinds, read

VERSION = 2  # 2: wordings that say what is checked, and no question that shows its answer
Part = Literal["gate", "test"]
CONSTRAINTS = {"instructions": "constraints", "instructions_unseen": "unseen"}
COMPUTED = {
    "sum": ("sum", "difference"),
    "sum_three_digits": ("sum_of_three_digits",),
    "sorting": ("order",),
    "reading": ("reading",),
}
LEVEL = 2
BASES = "bases"
FILES = (BASES, "computed", *CONSTRAINTS.values())


def panel(name: Panel, count: int, part: Part, key: tuple[object, ...]) -> list[Question]:
    """Raises ValueError where there are not so many different questions."""
    if name in CONSTRAINTS:
        return _instructions(CONSTRAINTS[name], count, part, key)
    families = COMPUTED[name]
    shares = [len(range(i, count, len(families))) for i in range(len(families))]
    found = []
    for family, share in zip(families, shares, strict=True):
        found += made(family, share, LEVEL, "panel" if part == "gate" else "test", (name, part, *key))
    return found


def panels(counts: Mapping[Panel, int], part: Part, evolution_seed: int, iteration: int) -> dict[str, list[Question]]:
    """Of the gate's part another draw each iteration, of the test part always the same."""
    key = (evolution_seed, iteration) if part == "gate" else ()
    return {name: panel(name, count, part, key) for name, count in counts.items()}


def bare_instructions() -> list[Seed]:
    """What panels put constraints on, in either part, as texts that must not train: words stand in place of answers."""
    return [Seed(instruction=text, response=" ".join(words), source="panels") for text, words in read(BASES)]


def _instructions(file: str, count: int, part: Part, key: tuple[object, ...]) -> list[Question]:
    """The kinds in turn, each on instructions of its own as long as there are some."""
    chance = random.Random(sampling_seed("panel", file, part, *key))
    bases = read(BASES)[part == "test" :: 2]
    found: dict[str, Question] = {}
    names = list(kinds(file))
    for tried in range(100 * count):
        if len(found) == count:
            break
        name = names[len(found) % len(names)]
        text, words = bases[tried % len(bases)]
        vocabulary = chance.sample(words, len(words))
        request, asked = kinds(file)[name].drawn(name, kinds(file)[name].panel, vocabulary, LEVEL, chance)
        whole = f"{text} {request}"
        if whole not in found:
            found[whole] = Question(
                way="panel", seed="", instruction=whole, checks=(asked,), iteration=0, draw=len(found), about=name
            )
    if len(found) < count:
        raise ValueError(f"{file}: expected {count} different questions, found {len(found)}; ask fewer")
    return list(found.values())
