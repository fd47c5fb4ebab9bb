"""Punctuation, and what is set off by it."""

import re
from typing import Annotated

from pydantic import Field, PositiveInt

from tasks.verify.checks.base import Finding, at_least, check, judged
from tasks.verify.checks.counting import folded

COMMAS = "，、،,"  # of other scripts, too
QUOTED = {'"': '"', "“": "”", "„": "“", "«": "»", "‘": "’"}
TITLE = re.compile(r"<<([^<>\n]+)>>")
PLACEHOLDER = re.compile(r"\[[^\[\]\n]+\](?!\()")  # but no Markdown link
BOLD = re.compile(r"\*\*(?=[^\s*])[^*\n]+(?<=[^\s*])\*\*")
HIGHLIGHT = re.compile(r"(?<!\*)\*(?=[^\s*])[^*\n]*?(?<=[^\s*])\*(?!\*)")
PARENTHESES = re.compile(r"\([^()\n]*\w[^()\n]*\)")
FENCE = re.compile(r"^\s*```[^\n]*\n(.*?)^\s*```\s*$", re.MULTILINE | re.DOTALL)
POSTSCRIPT = re.compile(r"(?:^|\n)\s*P\.?\s?S\.?[\s:,-]+\S", re.IGNORECASE)
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


@check(version=1)
def quoted(text: str) -> Finding:
    """As a whole, in quotation marks of any kind that belong together."""
    holds = len(text) > 2 and QUOTED.get(text[0]) == text[-1]
    return judged(holds, f"it begins with “{text[0]}” and ends with “{text[-1]}”, quotation marks asked for")


@check(version=1)
def titled(text: str) -> Finding:
    """<<Title>>, anywhere."""
    found = [title for title in TITLE.findall(text) if title.strip()]
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


@check(version=1)
def postscript(text: str) -> Finding:
    """A last part that begins with P.S."""
    before = POSTSCRIPT.split(text, maxsplit=1)
    return judged(len(before) == 2 and bool(folded(before[0])), "P.S. behind the text asked for")
