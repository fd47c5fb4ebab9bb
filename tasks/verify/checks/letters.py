"""Case and letters. A text without a letter is in no case."""

import unicodedata
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from tasks.verify.checks.base import Finding, check, judged
from tasks.verify.checks.counting import words

Letter = Annotated[str, Field(min_length=1, max_length=1)]


def plain(text: str) -> str:
    """Lower-case letters without their accents: É is an e."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in parts if not unicodedata.combining(one))


def initials(text: str) -> list[str]:
    return [plain(word)[0] for word in words(text) if word[0].isalpha()]


@check(version=1)
def lower_case(text: str) -> Finding:
    capitals = [one for one in text if one.isupper()]
    return judged(text.islower(), f"{len(capitals)} capital letters, none asked for")


@check(version=1)
def upper_case(text: str) -> Finding:
    small = [one for one in text if one.islower()]
    return judged(text.isupper(), f"{len(small)} small letters, none asked for")


@check(version=2)
def title_case(text: str) -> Finding:
    """No word begins with a small letter."""
    small = [word for word in words(text) if word[0].islower()]
    return judged(not small and text != text.lower(), f"words that begin with a small letter: {small[:5] or 'none'}")


@check(version=2)
def capital_words_between(text: str, least: NonNegativeInt, most: NonNegativeInt) -> Finding:
    """Words of two letters and more that are in capitals throughout."""
    found = sum(word.isupper() and len(word) > 1 for word in words(text))
    return judged(least <= found <= most, f"{found} words in capitals, {least} to {most} asked for")


@check(version=1)
def letter_at_least(text: str, letter: Letter, count: PositiveInt) -> Finding:
    found = plain(text).count(plain(letter))
    return judged(found >= count, f"the letter {letter} {found} times, at least {count} asked for")


@check(version=1)
def letter_at_most(text: str, letter: Letter, count: NonNegativeInt) -> Finding:
    found = plain(text).count(plain(letter))
    return judged(found <= count, f"the letter {letter} {found} times, at most {count} asked for")


@check(version=2)
def words_begin_with(text: str, letter: Letter) -> Finding:
    """All of them."""
    others = [one for one in initials(text) if one != plain(letter)]
    return judged(not others and bool(initials(text)), f"{len(others)} words begin with another letter than {letter}")


@check(version=2)
def longest_word_at_most(text: str, count: PositiveInt) -> Finding:
    longest = max(words(text), key=len, default="")
    return judged(len(longest) <= count, f"the longest word is “{longest}”, at most {count} letters asked for")
