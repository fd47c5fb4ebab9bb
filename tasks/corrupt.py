"""Corrupt a response so that it is surely worse: what a model that can see at all prefers less."""

import random
from collections.abc import Sequence

from tasks.calls import sampling_seed

MIN_WORDS = 4  # a shorter response can neither be cut nor shuffled into something else


def corrupted(response: str, others: Sequence[str], key: str) -> dict[str, str]:
    """Corruptions by kind: `mismatched` (one of `others`), `truncated`, `shuffled`. The same `key` gives the same ones.

    Kinds that do not apply are left out: nothing to mismatch with, or fewer than MIN_WORDS different words.
    """
    chance = random.Random(sampling_seed("corrupt", key))
    found = {}
    different = [other for other in others if other != response]
    if different:
        found["mismatched"] = chance.choice(different)
    words = response.split()
    if len(set(words)) >= MIN_WORDS:
        found["truncated"] = " ".join(words[: min(len(words) - 1, round(len(words) * chance.uniform(0.4, 0.9)))])
        shuffled = words.copy()
        while shuffled == words:
            chance.shuffle(shuffled)
        found["shuffled"] = " ".join(shuffled)
    return found
