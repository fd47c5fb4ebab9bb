"""Numerals of a text, in figures and in English words, as exact fractions.

numerals(plain("It is $1,000, or three and a half."))     # two, whose values are 1000 and 7/2
numerals(plain("x^3, 10:30, the one"))                    # four without a value: what they say is not certain
"""

import re
import string
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # of the same length; a case-blind search is slow
LONGEST = 50  # characters of one figure: longer ones are no answer, and cost what Python's integers cost
DASH = "‐‑‒–−﹣－-"  # its last one is a range of a regular expression anywhere else
SPACE = " \u00a0\u2009\u202f"
GAP = rf"(?:[-‐‑]|[{SPACE}]{{1,2}})"  # within one number's words

UNITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SMALL = dict(zip(UNITS, range(1, 10), strict=True)) | {"zero": 0}
TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SMALL |= dict(zip(TEENS, range(10, 20), strict=True)) | dict(zip(TENS, range(20, 100, 10), strict=True))
LARGE = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
SHARES = ["half", "third", "quarter", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
BELOW = dict(zip(SHARES, (2, 3, 4, 4, 5, 6, 7, 8, 9, 10), strict=True))

# LaTeX that is laid out, or that a character says; before or behind other commands, nothing is certain.
COMMANDS = {
    **dict.fromkeys(("text", "textbf", "mathrm", "mathbf", "boxed", "left", "right", "quad", "qquad", *"()[];: "), " "),
    **{"times": "×", "cdot": "×", "div": "÷", "pm": "±", "approx": "≈", "to": "→", "implies": "→", "Rightarrow": "→"},
    **{"le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", ",": "\u2009", "!": "", "\\": "\n"},
    **{mark: mark for mark in "%${}#"},
}
COMMAND = re.compile(r"\\([A-Za-z]+|[^\w\s]| )")
FRACTION = re.compile(r"\\[dt]?frac(?:\{ ?(-?\d+) ?\}\{ ?(\d+) ?\}|(\d)(\d))")
EMPHASIS = re.compile(r"\*\*|(?<!\w)_{1,3}|_{1,3}(?!\w)")


def _any(words: list[str]) -> str:
    return f"(?:{'|'.join(words)})"


_TWO = rf"(?:{_any(TENS)}(?:{GAP}{_any(UNITS)})?|{_any([*TEENS, *UNITS, 'zero'])})"
_THREE = rf"(?:(?:{_TWO}{GAP})?hundred(?:{GAP}(?:and{GAP})?{_TWO})?|{_TWO})"
_SCALE = _any(["thousand", "million", "billion", "trillion"])
WORDS = (
    rf"(?:(?:{_THREE}{GAP})?{_SCALE}(?:{GAP}{_THREE}{GAP}{_SCALE})*(?:{GAP}(?:and{GAP})?{_THREE})?|{_THREE}|dozen)"
    r"(?!['’]?\w)"
)
VULGAR = "[¼-¾⅐-⅞]"
FIGURES = (
    rf"(?P<figures>(?:\d{{1,3}}(?P<by>[,'’_{SPACE}])\d{{3}}(?:(?P=by)\d{{3}})*(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
    r"(?:e(?P<e>[-+]?\d{1,2})(?!\d)|(?P<ten>[ ]?[×x*][ ]?10)?[ ]?\^[ ]?\{?(?P<power>[-−]?\d{1,2})(?!\d)\}?"
    rf"|[ ]?[/⁄][ ]?(?P<below>\d+)|[ ]?(?P<vulgar>{VULGAR})|[ ](?P<of>\d{{1,3}})[/⁄](?P<parts>\d{{1,3}})(?!\d))?"
    r"(?:(?P<k>k)\b)?"
)
NUMERAL = re.compile(
    rf"(?=[\d.$€£¥₹¼-¾⅐-⅞{DASH}]|\b[abdefhmnostz])"  # most places of a text begin none: three times as fast
    rf"(?P<sign>\b(?:minus|negative)[ ]|[{DASH}][{SPACE}]?)?(?P<money>[$€£¥₹][ ]?)?(?P<late>[{DASH}](?=[\d.]))?(?:"
    rf"(?<!\w)(?P<lone>(?:(?:an?|one){GAP})?half(?:(?:{GAP}an?)?{GAP}(?P<half>{_any(list(LARGE))}))?"
    rf"|(?:an?|one){GAP}{_any(SHARES[1:])})(?!['’]?\w)"
    rf"|(?:{FIGURES}|(?P<alone>{VULGAR})|(?<!\w)(?:an?{GAP})?(?P<words>{WORDS}))"
    rf"(?:{GAP}?(?P<times>{_any(list(LARGE))})s?\b)?"
    rf"(?:{GAP}(?P<share>halves|{_any(SHARES)}s)\b"
    rf"|{GAP}and{GAP}(?P<count>an?|{_TWO}){GAP}(?P<more>half|{_any(SHARES)})s?\b)?"
    r")(?:[ ]?[%$€£°](?!\d))?"
)
OTHER_SCALES = (
    r"lakhs?|crores?|[bm]n|grand|tausend|tsd|mio|mrd|mil(?:liarden?|lionen|lones|lions|le)?|milliards?"
    r"|тыс\w*|миллион\w*"
)
# Beside these a numeral is part of something else: x3, 2^3, \sqrt{3}, f(3), 1.2.3, 10:30, 3x, 3rd, 3 √2.
HEAD = re.compile(
    r"(?:[\da-zͰ-Ͽ^_√]|[a-z^_}\]][({\[]|\\[a-z]+[ ]?[({\[]?|\d[.,:/'’]|[a-z]\."
    r"|\b(?:sqrt|log|ln|sin|cos|tan|(?:root|square|cube)(?: of)?|twice|double|triple)[ ])\Z"
)
TAIL = re.compile(
    r"(?!(?:[kcm]m|[km]g|m[li]|min|hrs?|mph|[ap]m)\b)[a-zͰ-Ͽ_(]|[²³¹⁰-₟十百千万萬亿億兆半]|[.,:/'’]\d"
    rf"|\+(?![ ]?[\d$(-])|[ ]?[√^\\]|[ ]?/[ ]?(?:[(\\]|[a-z]\b)"
    rf"|[ ](?:[xyznk]|pi|sqrt|squared|cubed|{OTHER_SCALES})\b(?![ ]?\d)"
    rf"|{GAP}(?:(?:first|second)\b|{_any([*SHARES, *LARGE])}|(?:{_any(list(LARGE))}|[a-z]+t(?:ie|een)|twelf)th)s?\b"
)
BEFORE_A_WORD = re.compile(
    r"\b(?:no|the|that|this|which|each|every|any|some|another|other|last|next|first|right|correct|larger|smaller|bigger"
    r"|greater|higher|lower)\W{1,3}\Z"
)
BEHIND_A_WORD = re.compile(r"\s+(?:of|another|can|could|may|might|must|should|would|who|that|by)\b")
IN_A_SENTENCE = re.compile(r"[ ]+(?!of\b)\w")
# "1 hour and 30 minutes", "5 feet 3": one quantity, of which no number is all.
UNITS_OF_TWO = (
    r"(?:second|minute|hour|day|week|month|year|dollar|euro|pound|mile|metre|meter|kilogram|yard)s?|feet|foot|hrs?|lbs?"
)
# What stands between two numerals of which neither is the answer: "5, 6", "5 or 6", "5 + 6", "5 more than 6".
JOINED = re.compile(
    rf"(?:[ \t()\[\]{{}}$*/+×÷·±&|~{DASH}]|(?:[,;]|[a-z] ?=|\b(?:and|or|to|plus|minus|times|over|point|by"
    rf"|divided|x|out|of|percent|(?:more|less|fewer) than|{UNITS_OF_TWO})\b)\s*+)*+",
    re.IGNORECASE,
)
# Between two of a list: on one line, or on one or two.
LIST_MARKS = rf"(?:[ \t,;|<>≤≥→&$*\"'“”{DASH}]|\b(?:and|then)\b)*+"
LISTED = (re.compile(LIST_MARKS, re.IGNORECASE), re.compile(rf"{LIST_MARKS}\n?{LIST_MARKS}", re.IGNORECASE))


@dataclass(frozen=True)
class Numeral:
    """`value` is None where it cannot be read for certain. `start` and `end` are its place in the text."""

    text: str
    start: int
    end: int
    value: Fraction | None


def plain(text: str) -> str:
    """Without LaTeX's layout and Markdown's emphasis."""
    text = re.sub(r"(?<=\d)(?=\\[dt]?frac)", " ", text.replace("{,}", ","))
    text = FRACTION.sub(lambda at: f"{at[1] or at[3]}/{at[2] or at[4]}", text)
    return EMPHASIS.sub(" ", COMMAND.sub(lambda at: COMMANDS.get(at[1], at[0]), text))


def numerals(text: str) -> list[Numeral]:
    """In the order of the text. "1,000" is one and "1, 2" are two; 5% is 5; "a third" is 1/3."""
    found: list[Numeral] = []
    text = text.translate(LOWER)
    for at in NUMERAL.finditer(text):
        start, sign = at.start(), at["sign"] or ""
        operand = bool(found) and not text[found[-1].end : start].strip(SPACE)
        if sign and operand:  # 5 - 3: no sign
            start, sign = at.end("sign"), ""
        value = None if _part_of_more(text, at, sign, operand) else _value(at)
        negative = bool(sign) != bool(at["late"])
        value = -value if value is not None and negative else value
        found.append(Numeral(text[start : at.end()], start, at.end(), value))
    return found


def _part_of_more(text: str, at: re.Match[str], sign: str, operand: bool) -> bool:
    before = text[max(0, at.start() - 16) : at.start()]
    dashed = sign and sign[0] in DASH
    if dashed and (sign[-1] in SPACE or before[-1:] in tuple(")]}")):  # a list's mark, a minus, or a pause
        return True
    one = at["words"] == "one" and not sign
    if one and (BEFORE_A_WORD.search(before) or BEHIND_A_WORD.match(text, at.end())):
        return True
    if at["lone"] and IN_A_SENTENCE.match(text, at.end()):  # "a third time", "half way"
        return True
    inside = not (at["money"] or (operand and at["sign"])) and HEAD.search(before)
    return bool(inside or TAIL.match(text, at.end()))


def _value(at: re.Match[str]) -> Fraction | None:
    if at["lone"]:
        share = next(name for name in SHARES if name in at["lone"])
        return Fraction(LARGE[at["half"]] if at["half"] else 1, BELOW[share])
    if at["alone"]:
        value: Fraction | None = _vulgar(at["alone"])
    else:
        value = _spelled(at["words"]) if at["words"] else _figures(at)
    # Three quarters are 3/4, or coins; and "4 dozens" may be all that was asked, for pieces.
    if value is None or at["share"] == "quarters" or at["times"] == "dozen":
        return None
    if at["share"]:
        share = at["share"].removesuffix("s").replace("halve", "half")
        value /= BELOW[share]
    if at["more"]:
        count = at["count"]
        value += Fraction(1 if count[0] == "a" else _spelled(count), BELOW[at["more"]])
    return value * LARGE[at["times"]] if at["times"] else value


def _figures(at: re.Match[str]) -> Fraction | None:
    written, below, power = at["figures"], at["below"] or at["parts"], at["power"]
    digits = re.sub(rf"[,'’_{SPACE}]", "", written)
    if max(len(digits), len(below or "")) > LONGEST or (len(digits) > 1 and digits[0] == "0" and digits[1] != "."):
        return None
    if (below and not int(below)) or (power and not at["ten"] and digits != "10"):
        return None
    value = Fraction(digits)
    if power:
        ten = Fraction(10) ** int(power.replace("−", "-"))
        value = value * ten if at["ten"] else ten
    if at["e"]:
        value *= Fraction(10) ** int(at["e"])
    if at["vulgar"]:
        value += _vulgar(at["vulgar"])
    elif at["of"]:
        value += Fraction(int(at["of"]), int(below))
    elif below:
        value /= int(below)
    return value * 1000 if at["k"] else value


def _vulgar(mark: str) -> Fraction:
    return Fraction(unicodedata.numeric(mark)).limit_denominator(10)


def _spelled(words: str) -> Fraction:
    total = group = 0
    for word in re.findall("[a-z]+", words):
        if word in SMALL:
            group += SMALL[word]
        elif word in ("hundred", "dozen"):
            group = (group or 1) * LARGE[word]
        elif word in LARGE:
            total, group = total + (group or 1) * LARGE[word], 0
    return Fraction(total + group)


def alone(text: str, one: Numeral, there: list[Numeral]) -> bool:
    """Not joined to the one before it or behind it."""
    at = there.index(one)
    return not any(JOINED.fullmatch(text, a.end, b.start) for a, b in pairwise(there[max(0, at - 1) : at + 2]))


def lists(text: str, there: list[Numeral], between: re.Pattern[str]) -> list[list[Numeral]]:
    """Those that stand in one list together; an empty one where there are none."""
    found = [there[:1]]
    for one, other in pairwise(there):
        if between.fullmatch(text, one.end, other.start):
            found[-1].append(other)
        else:
            found.append([other])
    return found


def value_of(text: str) -> Fraction | None:
    """Of a text that is one numeral and nothing else; None for any other."""
    if len(text) > 3 * LONGEST:
        return None
    text = plain(text).strip().translate(LOWER)
    found = numerals(text)
    return found[0].value if len(found) == 1 and found[0].text == text.removesuffix(".") else None
