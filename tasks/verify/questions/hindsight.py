"""Hindsight: requests that a good text meets after an edit that loses nothing, and that another edit of it does not.

    made = questions(seeds, config, iteration=1, evolution_seed=1)
    made[0]     # Opposite: "Name three lakes. Write only in capital letters." with the right answer and the wrong one

Two edits meet one request each and not the other's (lower case and capitals, bullets and numbers, one ending and
another). None leaves a sentence out: it may have been the one with the answer. A seed gives both crossed pairs, so that
no side is preferred for what it looks like (IOPO, arXiv 2411.06208; reverse constraints, Crab, arXiv 2410.24175). What
is right and what is wrong, the checks say and not the edit.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.recipe.verification import HindsightConfig
from tasks.store.rows import Seed, sampling_seed
from tasks.store.verified import Asked, Edited, Question
from tasks.verify.checks.base import verify
from tasks.verify.checks.counting import sentences, words
from tasks.verify.questions.constraints import FILE
from tasks.verify.questions.kinds import kinds, read

VERSION = 2  # 2: no edit leaves sentences out


@dataclass(frozen=True)
class Edit:
    """A text that meets a request: the check with its arguments, and what was done to the seed's response."""

    check: str
    arguments: Mapping[str, Any]
    text: str


Opposites = tuple[Edit, Edit]


def _cases(seed: Seed, chance: random.Random) -> Opposites | None:
    return Edit("lower_case", {}, seed.response.lower()), Edit("upper_case", {}, seed.response.upper())


def _lists(seed: Seed, chance: random.Random) -> Opposites | None:
    items = [one.rstrip(".") for one in sentences(seed.response)]
    if "\n" in seed.response or not 2 <= len(items) <= 6:
        return None
    if any(len(words(one)) < 3 or not one[0].isupper() for one in items):  # "2 tbsp. of sugar" would be two
        return None
    marked = "\n".join(f"- {one}" for one in items)
    numbered = "\n".join(f"{n}. {one}" for n, one in enumerate(items, 1))
    return Edit("bullets", {"count": len(items)}, marked), Edit("numbered", {"count": len(items)}, numbered)


def _frames(seed: Seed, chance: random.Random) -> Opposites | None:
    title = " ".join(words(seed.instruction)[:6]).capitalize()
    if '"' in seed.response:
        return None
    return Edit("quoted", {}, f'"{seed.response}"'), Edit("titled", {}, f"<<{title}>>\n\n{seed.response}")


def _ends(seed: Seed, chance: random.Random) -> Opposites | None:
    one, other = chance.sample(kinds(FILE)["ends_with"].arguments["phrase"], 2)
    return (
        Edit("ends_with", {"phrase": one}, f"{seed.response} {one}"),
        Edit("ends_with", {"phrase": other}, f"{seed.response} {other}"),
    )


OPPOSITES: tuple[Callable[[Seed, random.Random], Opposites | None], ...] = (*(_cases, _lists, _frames, _ends),)


def questions(
    seeds: Sequence[Seed], config: HindsightConfig, iteration: int, evolution_seed: int
) -> tuple[list[Question], list[Edited]]:
    """Of each seed up to `config.opposites_per_seed` opposites, two questions each, and of each question two answers.

    Opposites that the checks do not tell apart as they should are left out.
    """
    made: list[Question] = []
    answers: list[Edited] = []
    for seed in seeds:
        chance = random.Random(sampling_seed("hindsight", evolution_seed, iteration, seed.id))
        tried = (one(seed, chance) for one in chance.sample(OPPOSITES, len(OPPOSITES)))
        found = [two for two in tried if two and _crossed(two)]
        for two in found[: config.opposites_per_seed]:
            for right, wrong in (two, two[::-1]):
                question = _question(seed, right, iteration, len(made), chance)
                made.append(question)
                answers += [_edited(seed, question, right), _edited(seed, question, wrong)]
    return made, answers


def _crossed(two: Opposites) -> bool:
    """Whether each meets its own request and not the other's."""
    return all(
        verify(edit.check, other.text, edit.arguments).outcome == ("pass" if edit is other else "fail")
        for edit in two
        for other in two
    )


def _question(seed: Seed, edit: Edit, iteration: int, draw: int, chance: random.Random) -> Question:
    kind, asked = kinds(FILE)[edit.check], Asked.of(edit.check, edit.arguments)
    request = kind.in_words(kind.wordings, edit.arguments, chance)
    return Question(
        way="hindsight",
        seed=seed.id,
        history=seed.history,
        instruction=chance.choice(read(FILE)["joins"]).format(instruction=seed.instruction, constraints=request),
        checks=(asked,),
        iteration=iteration,
        draw=draw,
        about=edit.check,
        parents=(seed.id,),
    )


def _edited(seed: Seed, question: Question, edit: Edit) -> Edited:
    return Edited(
        seed=seed.id,
        history=seed.history,
        instruction=question.instruction,
        response=edit.text,
        edit=edit.check,
        iteration=question.iteration,
        parents=(question.id, seed.id),
    )
