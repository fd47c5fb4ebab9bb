"""Whether a text names the right one of several: by its letter, or by its words."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tasks.verify.checks.answers import ASIDE, DENIED, Answer, Answers, behind, normal, without_marks
from tasks.verify.checks.base import Finding, cannot_tell, check, judged
from tasks.verify.checks.numerals import numerals, plain, value_of

LETTER = re.compile(r"(?<!\w)(?<!\w['’.&-])[A-Z](?!\w|['’.&-]\w|[+#])")
# Directly behind another word than these it is a part of a name: "vitamin C", "Hepatitis A".
BEFORE_A_LETTER = re.compile(
    r"is|was|be|are|s|says?|think|guess|option|choice|answer|letter|or|and|pick|choose|select|chose|with|for|than|to|both"
    r"|either|neither|nor|not|because|since|so|therefore|ist|est|es|antwort|respuesta|réponse",
    re.IGNORECASE,
)
# "A dog", "I think": perhaps words. "A or B", "A is right": letters.
PERHAPS = re.compile(r"[AI](?=\s+[*_“\"]*(?!(?:or|and|is|are|was|because|since|seems|not|but)\b)[A-Za-z]{2})")


@check(version=2)
def choice(text: str, answer: Annotated[str, Field(pattern="^[A-Z]$")], choices: Sequence[str] = ()) -> Finding:
    """The letter that it names, or the one choice (A is the first) whose words it repeats."""
    if choices and ord(answer) - 65 >= len(choices):
        raise ValueError(f"expected the letter of one of {len(choices)} choices, found {answer}")
    named, said = set[str](), text
    for whole in (*behind(text), text):
        said = ASIDE.split(whole, 1)[0] if whole != text else text
        if named := _named(said, choices):
            break
    rest = whole + text.rpartition(whole)[2]
    others = (_letters(rest, choices) | _worded(rest, choices)) - named
    if len(named) != 1 or _denied_at_all(said, choices) or (others and not DENIED.search(rest)):
        return cannot_tell(f"it names {', '.join(sorted(named)) or 'no choice'}, {answer} is right")
    (said,) = named
    return judged(said == answer, f"it names {said}, {answer} is right")


def _of_a_name(part: str, at: int) -> bool:
    """ "vitamin C", "100 °C", "Hepatitis A": directly behind another word it is no choice's letter."""
    before = re.search(r"([^\W_]+|°)[ *_(\[\"“]*\Z", part[max(0, at - 40) : at])
    return bool(before and not BEFORE_A_LETTER.fullmatch(before[1]))


def _named(part: str, choices: Sequence[str]) -> set[str]:
    """Letters; or by their words, where there is none, or one of another choice."""
    perhaps = {at.start() for at in PERHAPS.finditer(part)}
    apart = {at.start() for at in LETTER.finditer(part) if not _of_a_name(part, at.start())} - perhaps
    letters = _letters(part, choices) & {part[at] for at in apart}
    if letters and any(part[at] == "A" for at in perhaps):
        letters.add("A")
    worded = _worded(part, choices)
    return letters if letters and (letters & worded or not worded) else letters | worded


def _letters(part: str, choices: Sequence[str]) -> set[str]:
    found = {at[0] for at in LETTER.finditer(part)}
    return {one for one in found if not choices or ord(one) - 65 < len(choices)}


def _worded(part: str, choices: Sequence[str]) -> set[str]:
    there = f" {normal(part)} "
    return {chr(65 + n) for n, one in enumerate(choices) if f" {normal(one)} " in there}


def _denied_at_all(text: str, names: Sequence[str]) -> bool:
    """Or asked; "No" and "None of these" may be names, and deny nothing then."""
    either = "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names) or r"\Z"
    rest = re.sub(either, " ", text, flags=re.IGNORECASE)
    return bool(DENIED.search(rest)) or rest.rstrip(" *_\"'”’)]").endswith(("?", "？"))


@check(version=2)
def names_one_of(text: str, answer: Answer, names: Answers) -> Finding:
    """Of several names, the right one and no other; where all of them are numbers, however they are written."""
    values = [value_of(name) for name in names]
    if None in values:
        named = [name for name in names if f" {normal(name)} " in f" {normal(text)} "]
    else:
        there = {one.value for one in numerals(without_marks(plain(text)))}
        named = [name for name, value in zip(names, values, strict=True) if value in there]
    if len(named) != 1 or _denied_at_all(text, names):
        return cannot_tell(f"it names {named or 'nobody'} of {names}, {answer} is right")
    return judged(named[0].casefold() == answer.casefold(), f"it names {named[0]}, {answer} is right")
