"""Constraints: instructions with requests beside them that a rule can check (IFEval's idea, arXiv 2311.07911).

made = questions(rows, config, iteration=1, evolution_seed=1)
made[0].instruction        # "Describe a lake. Use the word water. Stay within 40 words."
"""

import random
import re
from collections.abc import Mapping, Sequence

from tasks.recipe.verification import ConstraintsConfig, level_of
from tasks.store.rows import Seed, Written, sampling_seed
from tasks.store.verified import Asked, Question
from tasks.text.words import words
from tasks.verify.checks.counting import folded
from tasks.verify.questions.kinds import kinds, read

VERSION = 2  # 2: kinds that contradict each other exclude each other, and an example is not to be repeated
FILE = "constraints"
WORD = re.compile(r"[a-z]{4,12}")
FORM = {"length", "layout"}  # what an instruction may say by itself


def questions(
    rows: Sequence[Seed | Written],
    config: ConstraintsConfig,
    iteration: int,
    evolution_seed: int,
    knowing: Mapping[str, tuple[Asked, ...]] = {},
) -> list[Question]:
    """`config.questions_per_instruction` of each row that is short enough, no two alike, the kinds in turn.

    A row of which so many different ones cannot be made has fewer. `knowing`: what an answer to a row, by id, has to
    pass in any case.
    """
    level, made = level_of(config.levels, iteration), list[Question]()
    usable = [name for name, kind in kinds(FILE).items() if kind.level <= level]
    for row in rows:
        if len(words(row.instruction)) > config.max_instruction_words:
            continue
        chance = random.Random(sampling_seed("constraints", evolution_seed, iteration, row.id))
        fit = _fit(row.instruction, usable)
        order = chance.sample(fit, len(fit))
        seen: set[str] = set()
        for draw in range(config.questions_per_instruction):
            names = _together(order[draw % len(order)], fit, chance.randint(1, config.most), chance)
            found = _asked(row, names, knowing.get(row.id, ()), level, chance)
            if found and found[0] not in seen:
                seen.add(found[0])
                text, checks = found
                made.append(_question(row, text, checks, iteration, draw))
    return made


def example_of(question: Question) -> tuple[str, str] | None:
    """A request with an answer that shows how it is met: of the question's first kind that has one."""
    return _example(question.checks) if question.way == "constraints" else None


def _example(checks: Sequence[Asked]) -> tuple[str, str] | None:
    shown = (kinds(FILE)[one.check].example for one in checks if one.check in kinds(FILE))
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


def _fit(instruction: str, usable: Sequence[str]) -> list[str]:
    """Those that do not contradict how long or in which form the instruction wants it."""
    has_form = re.search(read(FILE)["own_form"], instruction, re.IGNORECASE | re.VERBOSE)
    return [name for name in usable if not (has_form and kinds(FILE)[name].excludes & FORM)]


def _together(first: str, usable: Sequence[str], count: int, chance: random.Random) -> list[str]:
    """So many kinds that go together, the first one given."""
    taken, excluded = list[str](), set[str]()
    for name in (first, *chance.sample(usable, len(usable))):
        if len(taken) < count and name not in taken and not kinds(FILE)[name].excludes & excluded:
            taken.append(name)
            excluded |= kinds(FILE)[name].excludes
    return taken


def _asked(
    row: Seed | Written, names: Sequence[str], knowing: Sequence[Asked], level: int, chance: random.Random
) -> tuple[str, tuple[Asked, ...]] | None:
    """The instruction with constraints, and what an answer has to pass; None where the text has too few own words."""
    said = _phrases(names) | {word for one in knowing for word in folded(one.arguments)}
    vocabulary = [word for word in own_words(row) if word not in said]
    chance.shuffle(vocabulary)
    try:
        drawn = [kinds(FILE)[name].drawn(name, kinds(FILE)[name].wordings, vocabulary, level, chance) for name in names]
    except IndexError:
        return None
    join = chance.choice(read(FILE)["joins"])
    text = join.format(instruction=row.instruction, constraints=" ".join(request for request, _ in drawn))
    checks = (*(asked for _, asked in drawn), *knowing)
    shown = _example(checks)
    return text, (*checks, *([Asked.of("does_not_repeat", {"phrase": shown[1]})] if shown else []))


def _phrases(names: Sequence[str]) -> set[str]:
    """The words that these kinds ask for by themselves: to forbid one would contradict, to ask for it twice is idle."""
    lists = [how for name in names for how in kinds(FILE)[name].arguments.values() if isinstance(how, list)]
    return {word for phrases in lists for phrase in phrases for word in folded(phrase)}


def own_words(row: Seed | Written) -> list[str]:
    """Of the response where there is one: what would be said is the hardest to avoid, and the fairest to ask for."""
    there = {word for word in folded(f"{row.instruction} {row.response}") if WORD.fullmatch(word)}
    return sorted(there - set(read(FILE)["common_words"].split()))
