"""Which words a text uses, and where. In any case; as words of their own: "art" is not in "start"."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, PositiveInt

from tasks.text.language import language
from tasks.verify.checks.base import Finding, cannot_tell, check, judged
from tasks.verify.checks.counting import CLOSING, folded, parted, sentences

Phrase = Annotated[str, Field(min_length=1)]
Phrases = Annotated[list[Phrase], Field(min_length=1)]


def times(text: str, phrase: str) -> int:
    """How often the words of the phrase stand there, one behind the other."""
    return len(_places(folded(text), folded(phrase)))


def _places(there: Sequence[str], wanted: Sequence[str]) -> list[int]:
    width = len(wanted)
    return [at for at in range(len(there) - width + 1) if there[at : at + width] == wanted] if width else []


@check(version=2)
def contains(text: str, phrase: Phrase) -> Finding:
    return judged(times(text, phrase) > 0, f"“{phrase}” stands in it {times(text, phrase)} times, once asked for")


@check(version=2)
def contains_all(text: str, phrases: Phrases) -> Finding:
    missing = [phrase for phrase in phrases if not times(text, phrase)]
    return judged(not missing, f"missing of {phrases}: {missing or 'none'}")


@check(version=2)
def contains_none(text: str, phrases: Phrases) -> Finding:
    """Not as parts of compounds either: “river's” and “river-bank” use “river”."""
    there = parted(text)
    used = [phrase for phrase in phrases if _places(there, parted(phrase))]
    return judged(not used, f"used of {phrases}, none of which was to be: {used or 'none'}")


@check(version=2)
def at_least_times(text: str, phrase: Phrase, count: PositiveInt) -> Finding:
    found = times(text, phrase)
    return judged(found >= count, f"“{phrase}” stands in it {found} times, at least {count} asked for")


@check(version=2)
def exactly_times(text: str, phrase: Phrase, count: PositiveInt) -> Finding:
    found = times(text, phrase)
    return judged(found == count, f"“{phrase}” stands in it {found} times, {count} asked for")


@check(version=2)
def in_order(text: str, phrases: Phrases) -> Finding:
    """Each behind the one before; other words may stand between."""
    there, behind = folded(text), 0
    for phrase in phrases:
        places = [at for at in _places(there, folded(phrase)) if at >= behind]
        if not places:
            return judged(False, f"“{phrase}” does not stand behind what was to come before it: {phrases}")
        behind = places[0] + len(folded(phrase))
    return judged(True, f"in this order: {phrases}")


@check(version=2)
def begins_with(text: str, phrase: Phrase) -> Finding:
    begin = folded(text)[: len(folded(phrase))]
    return judged(begin == folded(phrase), f"it begins with “{' '.join(begin)}”, “{phrase}” asked for")


@check(version=2)
def ends_with(text: str, phrase: Phrase) -> Finding:
    """Marks behind it aside: "Thank you" ends with "thank you."."""
    end = folded(text)[-len(folded(phrase)) :]
    return judged(end == folded(phrase), f"it ends with “{' '.join(end)}”, “{phrase}” asked for")


@check(version=2)
def says_exactly(text: str, phrase: Phrase) -> Finding:
    """The phrase and nothing else, but for case, space and marks around it."""
    same = folded(text) == folded(phrase)
    return judged(same, "nothing else is said" if same else f"something other than “{phrase}” is said")


@check(version=1)
def does_not_repeat(text: str, phrase: Phrase) -> Finding:
    """Of what was shown as an example, the words, one behind the other."""
    again = times(text, phrase) > 0
    return judged(not again, "the example that was shown stands in it again" if again else "it repeats no example")


@check(version=2)
def sentences_begin_with(text: str, phrase: Phrase) -> Finding:
    """All of them."""
    others = [one for one in sentences(text) if folded(one)[: len(folded(phrase))] != folded(phrase)]
    return judged(not others, f"sentences that do not begin with “{phrase}”: {[one[:40] for one in others] or 'none'}")


@check(version=2)
def repeats_first(text: str, request: Phrase) -> Finding:
    """The request word for word, and something behind it."""
    there, asked = folded(text), folded(request)
    holds = there[: len(asked)] == asked and len(there) > len(asked)
    return judged(holds, "the request comes first and an answer behind it, both asked for" if holds else "it does not")


@check(version=2)
def ends_with_a_question(text: str) -> Finding:
    end = text.rstrip(f" \n{CLOSING}")[-1:]
    return judged(end in ("?", "？", "؟"), f"it ends with “{end}”, a question mark asked for")


@check(version=1)
def in_language(text: str, code: Annotated[str, Field(pattern="^[a-z]{2}$")]) -> Finding:
    """ISO 639-1."""
    found = language(text)
    if found is None:
        return cannot_tell("too short or too mixed to tell its language")
    return judged(found == code, f"its language is {found}, {code} asked for")
