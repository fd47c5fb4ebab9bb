"""Constraints: instructions with requests beside them that a rule can check (IFEval's idea, arXiv 2311.07911).

made = questions(rows, config, iteration=1, evolution_seed=1)
made[0].instruction        # "Describe a lake. Use the word water. Stay within 40 words."
"""

import random
import re
from collections.abc import Sequence

from tasks.recipe.verification import ConstraintsConfig, level_of
from tasks.store.rows import Seed, Written, sampling_seed
from tasks.store.verified import Asked, Question
from tasks.text.words import words
from tasks.verify.questions.kinds import kinds, read

VERSION = 1
FILE = "constraints"
WORD = re.compile(r"[a-z]{4,12}")


def questions(
    rows: Sequence[Seed | Written], config: ConstraintsConfig, iteration: int, evolution_seed: int
) -> list[Question]:
    """`config.questions_per_instruction` of each row that is short enough, no two alike, the kinds in turn.

    A row of which so many different ones cannot be made has fewer.
    """
    level, made = level_of(config.levels, iteration), list[Question]()
    usable = [name for name, kind in kinds(FILE).items() if kind.level <= level]
    for row in rows:
        if len(words(row.instruction)) > config.max_instruction_words:
            continue
        chance = random.Random(sampling_seed("constraints", evolution_seed, iteration, row.id))
        order = chance.sample(usable, len(usable))
        seen: set[str] = set()
        for draw in range(config.questions_per_instruction):
            names = _together(order[draw % len(order)], usable, chance.randint(1, config.most), chance)
            found = _asked(row, names, level, chance)
            if found and found[0] not in seen:
                seen.add(found[0])
                made.append(_question(row, *found, iteration, draw))
    return made


def example_of(question: Question) -> tuple[str, str] | None:
    """A request with an answer that shows how it is met: of the question's first kind that has one."""
    shown = (kinds(FILE)[one.check].example for one in question.checks if question.way == "constraints")
    return next((one for one in shown if one), None)


def _question(row: Seed | Written, text: str, checks: tuple[Asked, ...], iteration: int, draw: int) -> Question:
    return Question(
        way="constraints",
        seed=row.id if isinstance(row, Seed) else row.seed,
        history=row.history,
        instruction=text,
        checks=checks,
        iteration=iteration,
        draw=draw,
        about=checks[0].check,
        parents=(row.id,),
    )


def _together(first: str, usable: Sequence[str], count: int, chance: random.Random) -> list[str]:
    """So many kinds that go together, the first one given."""
    taken, excluded = list[str](), set[str]()
    for name in (first, *chance.sample(usable, len(usable))):
        if len(taken) < count and name not in taken and not kinds(FILE)[name].excludes & excluded:
            taken.append(name)
            excluded |= kinds(FILE)[name].excludes
    return taken


def _asked(
    row: Seed | Written, names: Sequence[str], level: int, chance: random.Random
) -> tuple[str, tuple[Asked, ...]] | None:
    """The instruction with constraints, and their checks; None where the text has too few words of its own."""
    vocabulary = own_words(row)
    chance.shuffle(vocabulary)
    try:
        drawn = [kinds(FILE)[name].drawn(name, kinds(FILE)[name].wordings, vocabulary, level, chance) for name in names]
    except IndexError:
        return None
    join = chance.choice(read(FILE)["joins"])
    text = join.format(instruction=row.instruction, constraints=" ".join(request for request, _ in drawn))
    return text, tuple(asked for _, asked in drawn)


def own_words(row: Seed | Written) -> list[str]:
    """Of the response where there is one: what would be said is the hardest to avoid, and the fairest to ask for."""
    text = f"{row.instruction} {row.response}".lower()
    return sorted(set(WORD.findall(text)) - set(read(FILE)["common_words"].split()))
