"""Constraints: instructions with requests beside them that a rule can check (IFEval's idea, arXiv 2311.07911).

    made = questions(rows, config, iteration=1, evolution_seed=1)
    made[0].instruction        # "Describe a lake. Use the word water. Stay within 40 words."

Kinds, wordings and ranges of arguments are data: constraints.yaml.
"""

import functools
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from tasks.recipe.verification import ConstraintsConfig
from tasks.store.rows import Seed, Written, digest, sampling_seed
from tasks.store.verified import Asked, Question
from tasks.text.words import words

VERSION = 1
FILE = Path(__file__).with_name("constraints.yaml")
WORD = re.compile(r"[a-z]{4,12}")


class Kind(BaseModel):
    """One kind of constraint; the fields are explained in constraints.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    level: Literal[1, 2, 3]
    excludes: frozenset[str] = frozenset()
    arguments: dict[str, Any] = {}
    wordings: tuple[str, ...]
    example: tuple[str, str] | None = None


@functools.cache
def kinds() -> Mapping[str, Kind]:
    """By the name of the check, in the order of the file."""
    return {name: Kind.model_validate(one) for name, one in _file()["kinds"].items()}


@functools.cache
def _file() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def digest_of_file() -> str:
    """What kinds, wordings and examples are in: part of what identifies questions and their answers."""
    return digest(FILE.read_text(encoding="utf-8"))


def level_of(iteration: int, config: ConstraintsConfig) -> int:
    return config.levels[min(iteration, len(config.levels)) - 1]


def questions(
    rows: Sequence[Seed | Written], config: ConstraintsConfig, iteration: int, evolution_seed: int
) -> list[Question]:
    """`config.questions_per_instruction` of each row that is short enough, no two alike, the kinds in turn.

    A row of which so many different ones cannot be made has fewer.
    """
    level, made = level_of(iteration, config), list[Question]()
    usable = [name for name, kind in kinds().items() if kind.level <= level]
    for row in rows:
        if len(words(row.instruction)) > config.max_instruction_words:
            continue
        chance = random.Random(sampling_seed("constraints", evolution_seed, iteration, row.id))
        order = chance.sample(usable, len(usable))
        seen: set[str] = set()
        for draw in range(config.questions_per_instruction):
            found = _asked(row, order[draw % len(order)], usable, chance.randint(1, config.most), level, chance)
            if found and found[0] not in seen:
                seen.add(found[0])
                made.append(_question(row, found, iteration, draw))
    return made


def example_of(question: Question) -> tuple[str, str] | None:
    """A request with an answer that shows how it is met: of the question's first kind that has one."""
    shown = (kinds()[one.check].example for one in question.checks if one.check in kinds())
    return next((one for one in shown if one), None)


def _question(row: Seed | Written, found: tuple[str, tuple[Asked, ...]], iteration: int, draw: int) -> Question:
    return Question(
        way="constraints",
        seed=row.id if isinstance(row, Seed) else row.seed,
        history=row.history,
        instruction=found[0],
        checks=found[1],
        iteration=iteration,
        draw=draw,
        parents=(row.id,),
    )


def _asked(
    row: Seed | Written, first: str, usable: Sequence[str], count: int, level: int, chance: random.Random
) -> tuple[str, tuple[Asked, ...]] | None:
    """The instruction with constraints, and their checks; None where the text has too few words of its own."""
    taken, excluded = list[str](), set[str]()
    for name in (first, *chance.sample(usable, len(usable))):
        if len(taken) < count and name not in taken and not kinds()[name].excludes & excluded:
            taken.append(name)
            excluded |= kinds()[name].excludes
    vocabulary = _own_words(row)
    chance.shuffle(vocabulary)
    requests, checks = [], []
    for name in taken:
        try:
            arguments = {key: _drawn(how, vocabulary, level, chance) for key, how in kinds()[name].arguments.items()}
        except IndexError:
            return None
        wording = chance.choice(kinds()[name].wordings)
        requests.append(wording.format(**{key: _spelled(value) for key, value in arguments.items()}))
        checks.append(Asked.of(name, arguments))
    join = chance.choice(_file()["joins"])
    return join.format(instruction=row.instruction, constraints=" ".join(requests)), tuple(checks)


def _own_words(row: Seed | Written) -> list[str]:
    """Of the response where there is one: what would be said is the hardest to avoid, and the fairest to ask for."""
    text = f"{row.instruction} {row.response}".lower()
    return sorted(set(WORD.findall(text)) - set(_file()["common_words"].split()))


def _drawn(how: Any, vocabulary: list[str], level: int, chance: random.Random) -> Any:
    """One argument. Words of the text are taken away from `vocabulary`: IndexError where none is left."""
    if isinstance(how, list):
        return chance.choice(how)
    if "range" in how:
        least, most, step = how["range"][level - 1]
        return chance.randrange(least, most + 1, step)
    wanted = how["own_words"]
    if isinstance(wanted, int):
        return vocabulary.pop()
    return [vocabulary.pop() for _ in range(chance.randint(*wanted))]


def _spelled(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    marked = [f'"{one}"' for one in value]
    return marked[0] if len(marked) == 1 else f"{', '.join(marked[:-1])} and {marked[-1]}"
