"""How long a text is."""

from pydantic import PositiveInt

from tasks.verify.checks.base import Finding, at_least, at_most, check, exactly, judged
from tasks.verify.checks.counting import lines, paragraphs, sentences, words


@check(version=2)
def at_most_words(text: str, count: PositiveInt) -> Finding:
    return at_most(len(words(text)), count, "words")


@check(version=2)
def at_least_words(text: str, count: PositiveInt) -> Finding:
    return at_least(len(words(text)), count, "words")


@check(version=2)
def words_between(text: str, least: PositiveInt, most: PositiveInt) -> Finding:
    found = len(words(text))
    return judged(least <= found <= most, f"{found} words, {least} to {most} asked for")


@check(version=2)
def exactly_words(text: str, count: PositiveInt) -> Finding:
    return exactly(len(words(text)), count, "words")


@check(version=2)
def at_most_sentences(text: str, count: PositiveInt) -> Finding:
    return at_most(len(sentences(text)), count, "sentences")


@check(version=2)
def at_least_sentences(text: str, count: PositiveInt) -> Finding:
    return at_least(len(sentences(text)), count, "sentences")


@check(version=2)
def exactly_sentences(text: str, count: PositiveInt) -> Finding:
    return exactly(len(sentences(text)), count, "sentences")


@check(version=1)
def exactly_paragraphs(text: str, count: PositiveInt) -> Finding:
    return exactly(len(paragraphs(text)), count, "paragraphs")


@check(version=1)
def exactly_lines(text: str, count: PositiveInt) -> Finding:
    return exactly(len(lines(text)), count, "lines")


@check(version=1)
def at_most_characters(text: str, count: PositiveInt) -> Finding:
    """Spaces and marks included."""
    return at_most(len(text), count, "characters")
