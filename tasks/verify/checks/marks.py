"""Punctuation, and what is set off by it."""

import re
from typing import Annotated

from pydantic import Field, PositiveInt

from tasks.verify.checks.base import Finding, at_least, check, judged
from tasks.verify.checks.counting import folded

COMMAS = "，、،,"  # of other scripts, too
QUOTED = {'"': '"', "“": "”", "„": "“", "«": "»"}
# With a blank behind <<, alone on its line: in code, << and >> are operators; and <<48+24=72>> is a calculation.
TITLE = re.compile(r"<<(?!\s)[^<>=\n]+>>|^[^\w\n]*<<[^\S\n]+[^\s<>][^<>\n]*>>[^\w\n]*$", re.MULTILINE)
PLACEHOLDER = re.compile(r"\[[^\[\]\n]+\](?!\()")  # but no Markdown link
BOLD = re.compile(r"\*\*(?=[^\s*])[^*\n]+(?<=[^\s*])\*\*")
HIGHLIGHT = re.compile(r"(?<!\*)\*(?=[^\s*])[^*\n]*?(?<=[^\s*])\*(?!\*)")
PARENTHESES = re.compile(r"\((?=[^()\n]*\w)[^()\n]*+\)")
FENCE = re.compile(r"^[^\S\n]*```[^\n]*\n(.*?)^[^\S\n]*```[^\S\n]*$", re.MULTILINE | re.DOTALL)
POSTSCRIPT = re.compile(r"(?:^|\n)[^\S\n]*P\.?\s?S\.?[\s:,-]+\S", re.IGNORECASE)
Mark = Annotated[str, Field(min_length=1, max_length=1)]


@check(version=1)
def no_commas(text: str) -> Finding:
    found = sum(text.count(mark) for mark in COMMAS)
    return judged(not found, f"{found} commas, none asked for")


@check(version=1)
def no_exclamation_marks(text: str) -> Finding:
    found = text.count("!") + text.count("！")
    return judged(not found, f"{found} exclamation marks, none asked for")


@check(version=1)
def no_digits(text: str) -> Finding:
    found = re.findall(r"\d+", text)
    return judged(not found, f"digits, which were not to be used: {found or 'none'}")


@check(version=1)
def at_least_marks(text: str, mark: Mark, count: PositiveInt) -> Finding:
    return at_least(text.count(mark), count, f"of “{mark}”")


@check(version=2)
def quoted(text: str) -> Finding:
    """As a whole, in one pair of double quotation marks of any kind: '"Yes" and "no"' is in two."""
    begin, within, end = text[0], text[1:-1], text[-1]
    holds = bool(within) and QUOTED.get(begin) == end and end not in within
    return judged(holds, f"it begins with “{begin}” and ends with “{end}”, one pair of quotation marks asked for")


@check(version=2)
def titled(text: str) -> Finding:
    """<<Title>>, anywhere."""
    found = TITLE.findall(text)
    return judged(bool(found), f"titles in << >>: {found or 'none, one asked for'}")


@check(version=1)
def at_least_placeholders(text: str, count: PositiveInt) -> Finding:
    """[address] and the like."""
    return at_least(len(PLACEHOLDER.findall(text)), count, "placeholders in [ ]")


@check(version=1)
def at_least_highlights(text: str, count: PositiveInt) -> Finding:
    """*words* or **words**, the marks of a list aside."""
    return at_least(len(HIGHLIGHT.findall(text)) + len(BOLD.findall(text)), count, "highlighted parts")


@check(version=1)
def at_least_bold(text: str, count: PositiveInt) -> Finding:
    return at_least(len(BOLD.findall(text)), count, "bold parts")


@check(version=1)
def at_least_parentheses(text: str, count: PositiveInt) -> Finding:
    return at_least(len(PARENTHESES.findall(text)), count, "parts in ( )")


@check(version=1)
def in_code_block(text: str) -> Finding:
    """Behind a line of three back quotes, and before another one; words may stand around it."""
    found = [block for block in FENCE.findall(text) if block.strip()]
    return judged(bool(found), f"{len(found)} closed code blocks, at least 1 asked for")


@check(version=2)
def postscript(text: str) -> Finding:
    """A last part that begins with P.S."""
    before = POSTSCRIPT.split(text, maxsplit=1)
    return judged(len(before) == 2 and bool(folded(before[0])), "P.S. behind the text asked for")
