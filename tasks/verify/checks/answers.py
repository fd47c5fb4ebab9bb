"""Whether a text gives the right answer: a number, one of several choices, or words."""

import re
import string
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from tasks.verify.checks.base import Finding, cannot_tell, check, judged, trimmed
from tasks.verify.checks.counting import folded
from tasks.verify.checks.numerals import numbers

Answer = Annotated[str, Field(min_length=1)]
Answers = Annotated[list[Answer], Field(min_length=1)]
# What stands behind the last of these is the answer; before it stands how it was found.
MARKER = re.compile(r"####|\\boxed\{|\b(?:final )?answer(?: is|:|\s*=)|\btherefore\b,?|\bin total\b", re.IGNORECASE)
LETTER = re.compile(r"(?<![\w'’])\(?([A-Z])\)?(?=[.):,;!?\s]|$)")
# "A dog", "I think": words. "A or B", "A is right": letters.
NOT_LETTERS = re.compile(r"\b[AI](?=['’\s]+(?!(?:or|and|is|are|was|because|seems)\b)[a-z])")
ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def last_part(text: str) -> str:
    """Behind the last marker that something stands behind; the whole text where there is none."""
    for marker in reversed(list(MARKER.finditer(text))):
        if text[marker.end() :].strip(" .*:}\n"):
            return text[marker.end() :]
    return text


def normal(text: str) -> str:
    """Lower case, without marks, articles and more than one space (as SQuAD, arXiv 1606.05250, section 6.1)."""
    bare = "".join(one for one in text.casefold() if one not in string.punctuation + "“”‘’")
    return " ".join(ARTICLE.sub(" ", bare).split())


def one_number(answer: str) -> Fraction:
    """Raises ValueError where the given answer is no number: the row is wrong and no text can be."""
    found = numbers(answer)
    if len(found) != 1:
        raise ValueError(f"expected an answer that is one number, found {answer!r}")
    return found[0]


@check(version=1)
def number(text: str, answer: Answer, tolerance: Annotated[float, Field(ge=0)] = 0) -> Finding:
    """The first number behind "the answer is" or "####", or else the last one of the text."""
    wanted, part = one_number(answer), last_part(text)
    found = numbers(part)
    if not found:
        return judged(False, f"no number in it, {answer} asked for")
    said = found[-1] if part == text else found[0]
    return judged(abs(said - wanted) <= tolerance, f"its answer is {float(said):g}, {answer} asked for")


@check(version=1)
def numbers_in_order(text: str, answers: Answers) -> Finding:
    """The last that many numbers of the text are these."""
    wanted = [one_number(answer) for answer in answers]
    found = numbers(last_part(text))
    said = ", ".join(f"{float(one):g}" for one in found[-len(wanted) :]) or "no numbers"
    return judged(found[-len(wanted) :] == wanted, f"it ends with {said}, asked for: {', '.join(answers)}")


@check(version=1)
def choice(text: str, answer: Annotated[str, Field(pattern="^[A-Z]$")], choices: Sequence[str] = ()) -> Finding:
    """The letter that it names, or the one choice (A is the first) whose words it repeats."""
    part = last_part(text)
    named = {one for one in LETTER.findall(NOT_LETTERS.sub("", part)) if not choices or ord(one) - 65 < len(choices)}
    if not named:
        named = {chr(65 + n) for n, one in enumerate(choices) if f" {normal(one)} " in f" {normal(part)} "}
    if len(named) != 1:
        return cannot_tell(f"it names {', '.join(sorted(named)) or 'no choice'}, {answer} is right")
    (said,) = named
    return judged(said == answer, f"it names {said}, {answer} is right")


@check(version=1)
def exact(text: str, answer: Answer) -> Finding:
    """Character by character, but for the space around it."""
    return judged(text == trimmed(answer), f"{answer!r} asked for, character by character")


@check(version=1)
def same_words(text: str, answers: Answers) -> Finding:
    """One of the answers and nothing else, but for case, marks and articles."""
    said = normal(last_part(text))
    return judged(said in map(normal, answers), f"it says “{said[:60]}”, asked for: {answers}")


@check(version=1)
def names_one_of(text: str, answer: Answer, names: Answers) -> Finding:
    """Of several names, the right one and no other."""
    there = set(folded(text))
    named = [name for name in names if name.casefold() in there]
    if len(named) != 1:
        return cannot_tell(f"it names {named or 'nobody'} of {names}, {answer} is right")
    return judged(named[0].casefold() == answer.casefold(), f"it names {named[0]}, {answer} is right")
