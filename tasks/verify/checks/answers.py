"""Whether a text gives the right answer: a number, several in their order, or words.

Where it gives several, denies one, or gives it in a form that is not certain: cannot tell.
"""

import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from tasks.text.scripts import UNSPACED
from tasks.verify.checks.base import Finding, cannot_tell, check, judged, trimmed
from tasks.verify.checks.counting import sentences
from tasks.verify.checks.numerals import DASH, LISTED, Numeral, alone, lists, numerals, plain, value_of

Answer = Annotated[str, Field(min_length=1)]
Answers = Annotated[list[Answer], Field(min_length=1)]
# What stands behind one of these is the answer; before it stands how it was found. "#### Step 1" above the last line is
# a heading.
MARKER = re.compile(
    r"####|\\boxed\s*\{|\banswer[*_\"”]*(?:\s+is\b(?!\W+(?:not|never)\b)|\s*[:=])(?P<lead>[\s*:_]*)",
    re.IGNORECASE,
)
LAST, BOX = 10, 500  # markers that are looked behind, characters of a box: a text of nothing else would take minutes
SHOWN = 20  # numbers, and characters of one, in a reason
SENTENCE = re.compile(r"(?<![.!?…])[.!?…]++(?=[*_\"'”’)\]]*+(?:\s|$))|[。！？\n]")
LINE = re.compile(r"\n")
# What follows says more about an answer, unless it is one more answer.
ASIDE = re.compile(r"\s\((?![A-Z]\))|[,;]\s(?!(?:or|and)\b|[A-Z]\b|\d)|\s(?:because|since)\b")
DENIED = re.compile(
    r"\b(?:not|no|nor|neither|never|none|nobody|nothing|cannot|without|except|wrong|incorrect|false"
    r"|(?:other|rather) than|instead of)\b|n['’]t\b",
    re.IGNORECASE,
)
BOUND = re.compile(
    r"(?:\b(?:or|than|at least|at most|up to|under|over|above|below|past|divisible by|(?:multiples?|factors?) of)"
    r"|[<>≤≥≠])\W*\Z",
    re.IGNORECASE,
)
BOUND_BEHIND = re.compile(
    r"\W*(?:\w+\s)?(?:or (?:more|less|fewer|over|under)|at (?:the )?(?:most|least)|at a minimum)\b"
)
# Numbers that are no numerals: "the third planet", "twice", "vier Beine" as far as its letters tell.
WORDED = re.compile(
    r"\b(?:first|second|third|\w+th|once|twice|thrice|both|pair|couple|single|double|triple|half)\b|[^\x00-\x7f]",
    re.IGNORECASE,
)
SIGN = re.compile(r"[-+*/<>=^:.]")
TAG = re.compile(r"</?\w+>")
BULLET = re.compile(r"^[ \t]*[-*•–][ \t]+(?=\S)", re.MULTILINE)
COUNTED = re.compile(r"^[ \t]*(\d{1,3})[.)][ \t]+(?=\S)", re.MULTILINE)
MARK = re.compile(r"[^\w\s]|_")
ARTICLE = re.compile(r"(?<!\S)(?:an?|the)\s+(?=\S)")  # "Type A" has none


def behind(text: str, end: re.Pattern[str] | None = SENTENCE) -> list[str]:
    """What stands behind each of the last markers, up to `end` or in its box, the last one first."""
    found, last_line = [], text.rstrip().rfind("\n")
    markers = [one for one in MARKER.finditer(text) if one[0] != "####" or one.start() > last_line]
    for marker in markers[: -LAST - 1 : -1]:
        stop = end.search(text, marker.end()) if end else None
        boxed = marker[0].endswith("{")
        found.append(_boxed(text, marker.end()) if boxed else text[marker.end() : stop.start() if stop else None])
    return [one for one in found if MARK.sub("", one).strip()]


def _boxed(text: str, begin: int) -> str:
    depth = 1
    for at, one in enumerate(text[begin : begin + BOX], begin):
        depth += (one == "{") - (one == "}")
        if not depth:
            return text[begin:at]
    return text[begin : begin + BOX].partition("\n")[0]


def normal(text: str) -> str:
    """In one case, without marks that say nothing, articles, and more than one space.

    After SQuAD (arXiv 1606.05250, section 6.1), which drops all marks: x+1 was x-1, and 10:30 was 1030.
    """
    text = unicodedata.normalize("NFC", plain(text).casefold())
    text = re.sub(rf"[{DASH}]", "-", text)
    bare = " ".join(MARK.sub(_kept, text).split()) or text.strip()
    return ARTICLE.sub("", bare)


def _kept(at: re.Match[str]) -> str:
    """Of a mark, what stands for it: itself where it says something, else a space, or nothing."""
    mark, before, after = at[0], at.string[max(0, at.start() - 1) : at.start()], at.string[at.end() : at.end() + 1]
    kind = unicodedata.category(mark)
    inside, digits = before.isalnum() and after.isalnum(), before.isdecimal() and after.isdecimal()
    if kind[0] == "M" or kind in ("Sm", "Sc") or (mark in ".,:" and digits) or (mark in "/@&*^_" and inside):
        return mark
    if mark in "#%" and (before.isalnum() or before == mark):  # C#, 50%
        return mark
    if mark == "-" and (before.isalnum() or after.isalnum()):  # -x, 3-2, A-; not well-known, nor a pause
        return mark if not inside or before.isdecimal() or after.isdecimal() else " "
    return "" if mark in ".'’‘" or kind == "Cf" else " "


def one_number(answer: str) -> Fraction:
    """Raises ValueError where the given answer is no number: the row is wrong and no text can be."""
    value = value_of(answer)
    if value is None:
        raise ValueError(f"expected an answer that is one number, found {answer!r}; write 1000, 3.5 or 1/2")
    return value


@check(version=2)
def number(text: str, answer: Answer, tolerance: Annotated[float, Field(ge=0)] = 0) -> Finding:
    """Behind "the answer is", "####" or in a box, or else the last one of the text."""
    wanted = one_number(answer)
    marked = next((part for part in map(plain, behind(text)) if numerals(part)), "")
    part = marked or plain(text)
    there = numerals(part)
    if not there:
        reason = f"no number in it, {answer} asked for"
        zero = not wanted and DENIED.search(part)
        return cannot_tell(reason) if zero or WORDED.search(part) else judged(False, reason)
    said = [one for one in (_behind_marker(part, there) if marked else there[-1:]) if alone(part, one, there)]
    right = [one for one in there if one.value is not None and abs(one.value - wanted) <= tolerance]
    doubtful = [one for one in there if one.value is None or _hundredfold(one, wanted, "%" in answer)]
    sure = said and not any(one in doubtful or _denied(part, one) for one in said)
    if marked and said and r"\boxed" not in text and _goes_on(text, said[-1].value):
        return cannot_tell(f"whether its answer is {_shown(said)}, {answer} asked for: other numbers stand behind it")
    if sure and all(one in right for one in said):
        return judged(True, f"its answer is {_shown(said)}, {answer} asked for")
    if (sure and marked and not any(one in right for one in said)) or not (right or doubtful):
        return judged(False, f"its answer is {_shown(said or there)}, {answer} asked for")
    return cannot_tell(f"whether its answer is {answer}: of {_shown(there)}, none is so for certain")


def _goes_on(text: str, said: Fraction | None) -> bool:
    """Whether another number stands behind the marked answer: it may be worked out, or mended, there."""
    marked = next(part for part in behind(text) if numerals(plain(part)))
    later = numerals(plain(text.rpartition(marked)[2]))
    return bool(later) and later[-1].value != said


def _hundredfold(one: Numeral, wanted: Fraction, percents: bool) -> bool:
    """50% where 0.5 is wanted, or the other way round."""
    there = "%" in one.text
    return there != percents and wanted != 0 and one.value == (wanted * 100 if there else wanted / 100)


def _shown(some: Sequence[Numeral]) -> str:
    return ", ".join(one.text[:SHOWN] for one in some[-SHOWN:]) or "no numbers"


def _behind_marker(part: str, there: list[Numeral]) -> list[Numeral]:
    """The one directly behind it, and the one behind the last "="; the only one, wherever it stands."""
    if len(there) == 1:
        return there
    aside = ASIDE.search(part)
    equals = part.rfind("=", 0, aside.start() if aside else None)
    results = [one for one in there if one.start > equals >= 0]
    first = there[:1] if not re.search(r"\w", part[: there[0].start]) else []
    return [*first, *(one for one in results[:1] if one not in first)]


def _denied(part: str, one: Numeral) -> bool:
    """ "It is not 5", "Is it 5?", "more than 5"; in "It is 5, not 6" it is 6."""
    begin = max((end.end() for end in SENTENCE.finditer(part, 0, one.start)), default=0)
    stop = SENTENCE.search(part, one.end)
    before, after = part[begin : one.start], part[one.end : stop.end() if stop else None]
    said = before + ASIDE.split(after, maxsplit=1)[0]
    bounded = BOUND.search(TAG.sub("", before[-20:])) or BOUND_BEHIND.match(after.lower())
    return bool(DENIED.search(said) or "?" in said or bounded)


@check(version=2)
def numbers_in_order(text: str, answers: Answers) -> Finding:
    """The last list of numbers, or all the numbers there are, behind a marker as `number` has them, or in the text."""
    wanted = [one_number(answer) for answer in answers]
    parts = [next(filter(numerals, behind(text, end)), text) for end in (SENTENCE, None)]
    listed = [without_marks(plain(part)) for part in dict.fromkeys(parts)]
    # "3,700" is one number or two: either way of reading it.
    readings = [*listed, *(re.sub(r"(?<=\d)[, ](?=\d)", ", ", part) for part in listed)]
    found = [(part, lists(part, there, how)) for part in readings for there in [numerals(part)] for how in LISTED]
    for part, there in found:
        last = there[-1]
        if wanted in ([one.value for one in last], [one.value for run in there for one in run]):
            asked, between = ", ".join(answers), re.sub("[<>]", ",", part)
            denied = _denied(between, last[0]) or _denied(between, last[-1])
            return cannot_tell(f"it denies {asked}") if denied else judged(True, f"it ends with {asked}")
    reason = f"it ends with {_shown(found[1][1][-1])}, asked for: {', '.join(answers)}"
    elsewhere = any([one.value for one in run] == wanted for _, there in found for run in there)
    if elsewhere or all(any(one.value is None for run in there for one in run) for _, there in found):
        return cannot_tell(reason)
    return judged(False, reason)


def without_marks(part: str) -> str:
    """Without a list's bullets, and without its numbering from 1."""
    part, counted = BULLET.sub("", part), COUNTED.findall(part)
    return COUNTED.sub("", part) if len(counted) > 1 and counted == [*map(str, range(1, len(counted) + 1))] else part


@check(version=1)
def exact(text: str, answer: Answer) -> Finding:
    """Character by character, but for the space around it."""
    return judged(text == trimmed(answer), f"{answer!r} asked for, character by character")


@check(version=2)
def same_words(text: str, answers: Answers) -> Finding:
    """One of the answers and nothing else, but for case, articles and marks that say nothing."""
    said = next(iter(behind(text, LINE)), text)
    first = sentences(said)[0] if sentences(said) and said != text else said
    reason = f"it says “{normal(first)[:60]}”, asked for: {answers}"
    if {normal(said), normal(first)} & {*map(normal, answers)}:
        return judged(True, reason)
    near = any(not SIGN.search(normal(one)) and _parts(one) <= _parts(text) for one in answers)
    return cannot_tell(f"among other words, {reason}") if near else judged(False, reason)


def _parts(text: str) -> set[str]:
    """Words, numbers, characters of scripts without spaces; without accents: "4 July" is "July 4" said otherwise."""
    letters = "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))
    return set(re.findall(rf"\d+|[^\W\d_{UNSPACED}]+|[{UNSPACED}]", letters))
