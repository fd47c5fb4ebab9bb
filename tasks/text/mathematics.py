"""What a text says in mathematics, as math-verify reads it.

readings("So it is $2\\sqrt{3}$.")     # [[2*sqrt(3), "2\\sqrt{3}"]]
"""

import logging
import re
from itertools import groupby
from typing import Any

MARKED = re.compile(r"\$\$.+?\$\$|(?<![\\\d])\$(?:\\\$|[^$\n])+?(?<!\\)\$|\\\(.+?\\\)|\\\[.+?\\\]", re.DOTALL)
DOLLAR = re.compile(r"(?<!\\)\$")
NAMED = re.compile(r"\\(?:text|math|mbox|operatorname|begin|end)\w*\s*\{[^{}]*\}|\\[A-Za-z]+")
WORD = re.compile(r"[^\W\d_]{2,}|[A-Za-z]:\s")  # or a product of letters, which without marks nobody can know
WORDS = re.compile(r"[^\W\d_]{2,}\s+[^\W\d_]{2,}")
SIGN = re.compile(r"[\d\\^_{}]")
STOP_INSIDE = re.compile(r"(?<!\\)[.,;]\s*(?=\$|\\[\])])")  # of a sentence that ends with its mathematics
SENTENCE_END = re.compile(r"\n|(?<=[.!?])\s+")
PLAIN = re.compile(r"-?\(*-?[\d.][\d.,/*+^()%\s-]*")
MIXED = re.compile(r"(\d+)\s+(\d+)/(\d+)")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
MISREAD = re.compile(r"\d(?:\s|\\[,;: ])+\d|\d[eE]\d")  # “3 4” as 7, “1e5” with Euler's number
FORMS = (
    r"\frac{1}{2}",
    r"x^2+\sqrt{3}",
    r"(-\infty, 2]",
    r"\{1, 2\}",
    "x = 5",
    r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
)


def readings(text: str) -> list[list[Any]]:
    """What the text says last in mathematics, as math-verify reads it: what it boxes, or else what it marks as such.

    Where a number stands behind its last marks, the answer may be either: both. Empty is one that is not sure, as where
    an uneven number of dollars says that one of them is money.
    """
    if r"\boxed" in text:
        return [_read(text)]
    *_, last = [None, *MARKED.finditer(text)]
    if last is None:
        return [_bare(text)]
    behind = text[last.end() :]
    return [
        _read(text) if len(DOLLAR.findall(text)) % 2 == 0 else [],
        *([_bare(behind)] if SIGN.search(behind) else []),
    ]


def marked(text: str) -> list[list[Any]]:
    """What the text marks as mathematics, the last five."""
    return [_read(one[0]) for one in [*MARKED.finditer(text)][-5:]]


def _bare(text: str) -> list[Any]:
    """Without marks: all of a line, or the one plain number of its last sentence with any."""
    whole = text.strip("*=., \n")
    if "\n" in whole or WORD.search(NAMED.sub(".", whole)):
        whole = _one_number(whole)
    whole = THOUSANDS.sub("", MIXED.sub(r"\1\\frac{\2}{\3}", whole))
    return _read(f"${whole}$") if whole else []


def _one_number(text: str) -> str:
    """Between words; "" where there are several, or it may be part of something else, such as 2x + 1."""
    *_, last = ["", *filter(SIGN.search, SENTENCE_END.split(text))]
    runs = [" ".join(run) for is_word, run in groupby(last.split(), _is_word) if not is_word]
    numbers = [run.rpartition("=")[2].strip(" *.,;:!?\"'”’$€£¥") for run in runs if SIGN.search(run)]
    return numbers[0] if len(numbers) == 1 and PLAIN.fullmatch(numbers[0]) else ""


def _is_word(token: str) -> bool:
    return bool(WORD.search(f"{token} ")) and not SIGN.search(token)


def _read(text: str) -> list[Any]:
    """The expression and its LaTeX; empty where it is not sure."""
    from math_verify import LatexExtractionConfig, parse  # type: ignore[import-untyped]  # here, for it brings sympy

    # Without its own time limit, which wants the main thread's signals, and what it has to say about that.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    text = STOP_INSIDE.sub(" ", text)
    found: list[Any] = parse(text, [LatexExtractionConfig()], extraction_mode="first_match", parsing_timeout=0)
    if len(found) < 2 or MISREAD.search(found[1]) or WORDS.search(NAMED.sub(".", found[1])):
        return []
    return found


def ready() -> None:
    """Measured: an answer took 0.49 s, most of it for what the library makes at the first one, and then 0.05 s."""
    from math_verify import verify

    for form in FORMS:
        verify(_bare(FORMS[0]), _bare(form), timeout_seconds=0)
