"""How long a text is."""

from pydantic import PositiveInt

from tasks.verify.checks.base import Finding, check, judged
from tasks.verify.checks.counting import lines, paragraphs, sentences, words


def _at_most(found: int, count: int, what: str) -> Finding:
    return judged(found <= count, f"{found} {what}, at most {count} asked for")


def _at_least(found: int, count: int, what: str) -> Finding:
    return judged(found >= count, f"{found} {what}, at least {count} asked for")


def _exactly(found: int, count: int, what: str) -> Finding:
    return judged(found == count, f"{found} {what}, {count} asked for")


@check(version=1)
def at_most_words(text: str, count: PositiveInt) -> Finding:
    return _at_most(len(words(text)), count, "words")


@check(version=1)
def at_least_words(text: str, count: PositiveInt) -> Finding:
    return _at_least(len(words(text)), count, "words")


@check(version=1)
def words_between(text: str, least: PositiveInt, most: PositiveInt) -> Finding:
    found = len(words(text))
    return judged(least <= found <= most, f"{found} words, {least} to {most} asked for")


@check(version=1)
def exactly_words(text: str, count: PositiveInt) -> Finding:
    return _exactly(len(words(text)), count, "words")


@check(version=1)
def at_most_sentences(text: str, count: PositiveInt) -> Finding:
    return _at_most(len(sentences(text)), count, "sentences")


@check(version=1)
def at_least_sentences(text: str, count: PositiveInt) -> Finding:
    return _at_least(len(sentences(text)), count, "sentences")


@check(version=1)
def exactly_sentences(text: str, count: PositiveInt) -> Finding:
    return _exactly(len(sentences(text)), count, "sentences")


@check(version=1)
def exactly_paragraphs(text: str, count: PositiveInt) -> Finding:
    return _exactly(len(paragraphs(text)), count, "paragraphs")


@check(version=1)
def exactly_lines(text: str, count: PositiveInt) -> Finding:
    return _exactly(len(lines(text)), count, "lines")


@check(version=1)
def at_most_characters(text: str, count: PositiveInt) -> Finding:
    """Spaces and marks included."""
    return _at_most(len(text), count, "characters")
