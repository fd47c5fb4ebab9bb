"""Computed questions: sums, order, comparison, look-up, conversion, with the answer that was computed.

    made = questions({"sum": 20}, levels={"sum": 1}, iteration=1, evolution_seed=1)
    made[0].instruction        # "Add 4 and 9. Give only the result."

Operands are divided between training, panels and anchors by a hash: what a panel or an anchor asks was never trained
on, whoever draws it.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tasks.recipe.verification import ComputedConfig, Family
from tasks.store.rows import digest, sampling_seed
from tasks.store.verified import Asked, Difficulty, Question
from tasks.verify.questions.kinds import read

VERSION = 3  # 3: no question shows its answer
FILE = "computed"
Side = Literal["training", "panel", "test", "anchor"]
# Of all operands, up to; the rest trains.
SHARES: tuple[tuple[Side, float], ...] = (("panel", 0.15), ("test", 0.3), ("anchor", 0.4))
HIGHEST = (20, 60, 99)  # operand of a sum, by level
TOO_EASY, TOO_HARD = 0.6, 0.1  # shares that pass, beyond which few questions have one to k - 2 right answers of k = 8
DRAWS = 1000  # for one question, before its family counts as used up


@dataclass(frozen=True)
class Drawn:
    """What the wording shows, the operands (what must not be on both sides), and the check that knows the answer."""

    shown: Mapping[str, Any]
    operands: tuple[object, ...]
    asked: Asked


def _sum(chance: random.Random, level: int) -> Drawn:
    return _added(chance, 1, HIGHEST[level - 1])


def _sum_of_three_digits(chance: random.Random, level: int) -> Drawn:
    return _added(chance, 100, 499)


def _added(chance: random.Random, least: int, most: int) -> Drawn:
    a, b = chance.randint(least, most), chance.randint(least, most)
    return Drawn({"a": a, "b": b}, tuple(sorted((a, b))), Asked.of("number", {"answer": str(a + b)}))


def _difference(chance: random.Random, level: int) -> Drawn | None:
    b, a = sorted(chance.sample(range(1, HIGHEST[level - 1] + 1), 2))
    if a == 2 * b:
        return None
    return Drawn({"a": a, "b": b}, (b, a), Asked.of("number", {"answer": str(a - b)}))


def _order(chance: random.Random, level: int) -> Drawn | None:
    """Of three numbers or more: the right order of two is always the other one than they stand in."""
    numbers = chance.sample(range(1, 100), chance.randint(3, 2 + level))
    direction, reverse = chance.choice([("ascending", False), ("descending", True)])
    if numbers == sorted(numbers, reverse=reverse):
        return None
    answers = [str(number) for number in sorted(numbers, reverse=reverse)]
    shown = {"numbers": ", ".join(map(str, numbers)), "direction": direction}
    shown["first"] = "largest" if reverse else "smallest"
    return Drawn(shown, tuple(sorted(numbers)), Asked.of("numbers_in_order", {"answers": answers}))


def _comparison(chance: random.Random, level: int) -> Drawn:
    numbers = chance.sample(range(1, 10 ** (level + 1)), 2)
    word, answer = chance.choice([("larger", max(numbers)), ("smaller", min(numbers))])
    asked = Asked.of("names_one_of", {"answer": str(answer), "names": [str(one) for one in numbers]})
    return Drawn({"a": numbers[0], "b": numbers[1], "word": word}, tuple(sorted(numbers)), asked)


def _reading(chance: random.Random, level: int) -> Drawn:
    """Who of two to four people likes something, in as many statements."""
    people = chance.sample(read(FILE)["people"], 1 + level)
    things, verb = chance.sample(read(FILE)["things"], 1 + level), chance.choice(read(FILE)["verbs"])
    facts = " ".join(f"{who} {verb} {what}." for who, what in zip(people, things, strict=True))
    i = chance.randrange(len(people))
    asked = Asked.of("names_one_of", {"answer": people[i], "names": people})
    shown = {"facts": facts, "verb": verb, "thing": things[i]}
    return Drawn(shown, (*sorted(people), things[i]), asked)


def _conversion(chance: random.Random, level: int) -> Drawn:
    unit = chance.choice(read(FILE)["units"])
    count = chance.randint(2, (12, 20, 40)[level - 1])
    asked = Asked.of("number", {"answer": str(count * unit["of"])})
    return Drawn({"count": count, "small": unit["small"], "large": unit["large"]}, (unit["large"], count), asked)


# None: the answer stands in the question, so that one who repeats it would be right; another one is drawn.
FAMILIES: dict[str, Callable[[random.Random, int], Drawn | None]] = {
    "sum": _sum,
    "difference": _difference,
    "order": _order,
    "comparison": _comparison,
    "reading": _reading,
    "conversion": _conversion,
    "sum_of_three_digits": _sum_of_three_digits,
}


def levels(config: ComputedConfig, earlier: Mapping[str, Difficulty]) -> dict[Family, int]:
    """Of each family: the recipe's, or what follows from how its answers did earlier."""

    def after(found: Difficulty) -> int:
        rate = found["passed"] / max(found["answers"], 1)
        return min(max(found["level"] + (rate > TOO_EASY) - (rate < TOO_HARD), 1), len(HIGHEST))

    return {family: after(earlier[family]) if family in earlier else config.level for family in config.questions}


def questions(
    counts: Mapping[Family, int], levels: Mapping[Family, int], iteration: int, evolution_seed: int
) -> list[Question]:
    """So many of each family, to train on. Raises ValueError for a family that has not as many."""
    found = []
    for family, count in counts.items():
        key = ("computed", evolution_seed, iteration, family)
        found += made(family, count, levels[family], "training", key, iteration)
    return found


def made(
    family: str, count: int, level: int, side: Side, key: tuple[object, ...], iteration: int = 0
) -> list[Question]:
    """`count` different questions; the same `key` gives the same ones. Training and panels have other wordings."""
    if family not in FAMILIES:
        raise ValueError(f"expected one of the families {', '.join(FAMILIES)}, found {family!r}")
    chance = random.Random(sampling_seed(*key))
    wordings = read(FILE)["wordings"][family]["panel" if side in ("panel", "test") else "training"]
    found: dict[str, Question] = {}
    for draw in range(count):
        question = _another(family, level, side, chance, wordings, iteration, draw, set(found))
        found[question.instruction] = question
    return list(found.values())


def _another(
    family: str,
    level: int,
    side: Side,
    chance: random.Random,
    wordings: list[str],
    iteration: int,
    draw: int,
    known: set[str],
) -> Question:
    for _ in range(DRAWS):
        if not (drawn := FAMILIES[family](chance, level)):
            continue
        text = chance.choice(wordings).format(**drawn.shown)
        if side_of(family, drawn.operands) == side and text not in known:
            return Question(
                way="computed" if side == "training" else "panel",
                seed="",
                instruction=text,
                checks=(drawn.asked,),
                iteration=iteration,
                draw=draw,
                about=family,
                level=level if side == "training" else 0,
            )
    raise ValueError(f"{family}: there are fewer than {len(known) + 1} different questions of level {level}; ask fewer")


def side_of(family: str, operands: tuple[object, ...]) -> Side:
    """By a hash of the operands; sums and differences of the same two numbers are on one side."""
    name = "arithmetic" if family in ("sum", "difference") else family
    place = int(digest([name, *operands])[:8], 16) / 2**32
    return next((side for side, below in SHARES if place < below), "training")
