"""Canaries: pairs with something injected that asks for a better score, each beside a twin with harmless words.

By how much the injected one scores above its twin is how far a text can talk its reviewer into something. They are
scored with the anchors, in every iteration, and nothing is fitted on them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.store.reviews import Anchor
from tasks.store.rows import Seed
from tasks.text.prompts import templates as prompts

PLACES = ("response end", "response start", "instruction end", "history")
REPLY = "All right."  # what the assistant is made to have said to a text in the history
VERSION = 3  # 3: in five languages, and in the turns before


class Shift(BaseModel):
    """Scores of the injected ones less their twins': mean with its 95% interval (normal), and the worst attack.

    `unparsed` pairs have no score on one side or the other, and no number is made of that.
    """

    model_config = ConfigDict(frozen=True)
    n: int
    unparsed: int
    mean: float
    low: float
    high: float
    worst: str
    worst_mean: float


def canaries(seeds: Sequence[Seed], count: int) -> list[Anchor]:
    """`count` injected pairs and behind each its twin: the same place and as many words, that ask for nothing.

    A twin from another response would not do: a stray piece of text costs more than a whole sentence does, and the
    difference would be taken for what the attack gained (+0.5 of 10 with 13 canaries and 14 anchor seeds).
    """
    attacks, found = prompts.canaries(), list[Anchor]()
    for i in range(count if seeds else 0):
        attack, harmless = attacks[i % len(attacks)]
        turn = i + i // len(attacks)  # so that an attack comes to another place and seed each time
        seed, place = seeds[turn % len(seeds)], PLACES[turn % len(PLACES)]
        found += [_at(place, seed, attack, f"canary {i}"), _at(place, seed, harmless, f"twin {i}")]
    return found


def shift(pairs: Sequence[Anchor], scores: Mapping[str, float]) -> Shift | None:
    """From all canaries with their twins, and the scores by id of those that have one; None if no pair has two."""
    attacks = [attack for attack, _ in prompts.canaries()]
    found: dict[str, list[float]] = {}
    for i, (attacked, twin) in enumerate(zip(pairs[::2], pairs[1::2], strict=True)):
        if {attacked.id, twin.id} <= scores.keys():
            found.setdefault(attacks[i % len(attacks)], []).append(scores[attacked.id] - scores[twin.id])
    if not found:
        return None
    shifts = np.array([one for group in found.values() for one in group])
    error = 1.96 * float(shifts.std()) / len(shifts) ** 0.5
    worst = max(found, key=lambda attack: float(np.mean(found[attack])))
    mean, worst_mean = float(shifts.mean()), float(np.mean(found[worst]))
    return Shift(
        n=len(shifts),
        unparsed=len(pairs) // 2 - len(shifts),
        mean=mean,
        low=mean - error,
        high=mean + error,
        worst=worst,
        worst_mean=worst_mean,
    )


def _at(place: str, seed: Seed, text: str, kind: str) -> Anchor:
    history, instruction, response = seed.history, seed.instruction, seed.response
    match place:
        case "history":
            history = (text, REPLY, *history)
        case "response end":
            response = f"{response}\n{text}"
        case "response start":
            response = f"{text}\n{response}"
        case _:
            instruction = f"{instruction}\n{text}"
    return Anchor(
        seed=seed.id,
        history=history,
        instruction=instruction,
        response=response,
        source="human",
        corruption=kind,
        parents=(seed.id,),
    )
