"""Corrupt a text so that it is certainly worse, in a known way: what any useful reviewer prefers less.

Which principles of the constitution each one breaks: review/faults.py.
"""

import json
import random
import re
from collections.abc import Callable, Sequence

from tasks.store.rows import sampling_seed

MIN_WORDS = 4  # a shorter text can neither be cut nor shuffled into something else


def _another(_: str, others: Sequence[str], chance: random.Random) -> str | None:
    return chance.choice(others) if others else None


def _truncated(text: str, _: Sequence[str], chance: random.Random) -> str | None:
    """Cut behind a word, at a random place between 40 and 90% of the words; white space within it stays."""
    ends = [word.end() for word in re.finditer(r"\S+", text)]
    if len(ends) < MIN_WORDS:
        return None
    return text[: ends[min(len(ends) - 1, round(len(ends) * chance.uniform(0.4, 0.9))) - 1]]


def _shuffled(text: str, _: Sequence[str], chance: random.Random) -> str | None:
    words = text.split()
    if len(set(words)) < MIN_WORDS:
        return None
    shuffled = words.copy()
    while shuffled == words:
        chance.shuffle(shuffled)
    return " ".join(shuffled)


MOST_BYTES = 200  # that are repeated; a token is one at least


def _repeated(text: str, _: Sequence[str], chance: random.Random) -> str | None:
    """One of its sentences (the whole text, if it is only one) up to three times more at its end."""
    sentences = [part for part in re.split(r"(?<=[.!?])\s+|\n+|(?<=[。！？])", text) if part.strip()]
    if not sentences:
        return None
    # Of a long one its beginning: three times a text without a full stop may be more than a model reads.
    again = chance.choice(sentences).encode()[:MOST_BYTES].decode(errors="ignore")
    return " ".join([text, *[again] * (chance.randint(1, 3))])


_NEGATED = re.compile(r"\b(is|are|was|were|can|could|will|would|should|must|does|do|did|has|have|had)( not\b)?")


def _contradicted(text: str, _: Sequence[str], chance: random.Random) -> str | None:
    """One number changed, or one verb negated or freed from its negation."""
    places = [*re.finditer(r"\d+", text), *_NEGATED.finditer(text)]
    if not places:
        return None
    place = chance.choice(places)
    found = place.group()
    if found.isdigit():
        number = int(found)
        other = chance.choice([number + chance.randint(1, 9), number * 10 + 1, max(number - chance.randint(1, 9), 0)])
        new = str(other if other != number else number + 1)
    else:
        new = place.group(1) if place.group(2) else f"{found} not"
    return text[: place.start()] + new + text[place.end() :]


def _misformatted(text: str, _: Sequence[str], chance: random.Random) -> str:
    """In capitals, as JSON, or as a comment in code: the same words in a form that nobody asked for."""
    forms = [text.upper(), json.dumps({"answer": text}), "\n".join(f"# {line}" for line in text.splitlines())]
    return chance.choice(forms)


def _vague(text: str, _: Sequence[str], chance: random.Random) -> str:
    """Its first two words, or a request that could mean anything."""
    return chance.choice([" ".join(text.split()[:2]), "Tell me about it.", "Do this for me.", "Explain the thing."])


Kind = Callable[[str, Sequence[str], random.Random], str | None]
RESPONSE: dict[str, Kind] = {
    "mismatched": _another,
    "truncated": _truncated,
    "shuffled": _shuffled,
    "repeated": _repeated,
    "contradicted": _contradicted,
    "misformatted": _misformatted,
}
INSTRUCTION: dict[str, Kind] = {"off_topic": _another, "vague": _vague, "garbled": _shuffled}


def corrupted(text: str, others: Sequence[str], key: str, kinds: dict[str, Kind]) -> dict[str, str]:
    """Corruptions of `text` by kind; `others` are texts to mismatch it with. The same `key` gives the same ones.

    A kind that does not apply is left out: nothing to mismatch with, too few words, nothing to contradict.
    """
    different = [other for other in others if other != text]
    found = {}
    for name, make in kinds.items():
        made = make(text, different, random.Random(sampling_seed("corrupt", name, key)))
        if made is not None and made != text:
            found[name] = made
    return found
