"""How a text is laid out: lists, sections, parts."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, PositiveInt

from tasks.verify.checks.base import Finding, cannot_tell, check, exactly, judged
from tasks.verify.checks.counting import folded, lines

BULLET = re.compile(r"^([^\S\n]*)([-*•])[^\S\n]+(?![-*• \t]*+$)\S", re.MULTILINE)  # but no rule: * * *
# "1. a", "(1) a", "**1.** a", "### 1) a"; where there is none of these, "1: a", or else "1 - a" (no sum: "9 - 4 = 5").
BOLD = r"(?:\*\*|__)?"
BEGIN = rf"^([^\S\n]*)(?:#{{1,6}}[^\S\n]+)?{BOLD}\(?(\d{{1,3}}){BOLD}"  # "2024. " is no item's number
END = rf"{BOLD}[^\S\n]+\S"
NUMBERED = tuple(
    re.compile(BEGIN + form + END, re.MULTILINE) for form in (r"[.)]", ":", r"[^\S\n]+[-–—](?![^\S\n]+\d)")
)
LETTERED = re.compile(r"^[^\S\n]*([a-z])[.)]\s+\S", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+\S", re.MULTILINE)
TABLE = re.compile(r"^ *\|.+\| *\n *\|(?: *:?-+:? *\|)+ *\n *\|.+\|", re.MULTILINE)
Separator = Annotated[str, Field(min_length=1)]


def outer(items: Sequence[tuple[str, str]]) -> list[str]:
    """Of (indent, item), those that are set in least: a list within a list has no items of the outer one."""
    depths = [len(space.expandtabs(4)) for space, _ in items]
    least = min(depths, default=0)
    return [item for (_, item), depth in zip(items, depths, strict=True) if depth < least + 2]


@check(version=2)
def bullets(text: str, count: PositiveInt) -> Finding:
    """Markdown's marks, -, * and •; other lines may stand around them."""
    return exactly(len(outer(BULLET.findall(text))), count, "bullet points")


@check(version=2)
def numbered(text: str, count: PositiveInt) -> Finding:
    """Lines numbered from 1 without a gap; other lines may stand around them."""
    found = next((outer(items) for form in NUMBERED if (items := form.findall(text))), [])
    wanted = [str(number) for number in range(1, count + 1)]
    return judged(found == wanted, f"lines numbered {', '.join(found) or 'not at all'}, 1 to {count} asked for")


@check(version=1)
def lettered(text: str, count: Annotated[int, Field(gt=0, le=26)]) -> Finding:
    """Lines with a), b), c) ... without a gap."""
    found = LETTERED.findall(text)
    wanted = [chr(ord("a") + number) for number in range(count)]
    said = ", ".join(found) or "not at all"
    return judged(found == wanted, f"lines lettered {said}, a to {wanted[-1]} asked for")


@check(version=1)
def headings(text: str, count: PositiveInt) -> Finding:
    """Markdown's, a line that begins with #."""
    return exactly(len(HEADING.findall(text)), count, "headings")


@check(version=1)
def sections(text: str, word: Separator, count: PositiveInt) -> Finding:
    """ "Section 1", "Section 2" ..., each at the beginning of a line; `word` says what they are called."""
    found = re.findall(rf"^(?:[#*]|[^\S\n])*{re.escape(word)}\s+(\d+)\b", text, re.MULTILINE | re.IGNORECASE)
    wanted = [str(number) for number in range(1, count + 1)]
    return judged(found == wanted, f"{word} {', '.join(found) or '(none)'}, 1 to {count} asked for")


@check(version=2)
def parts(text: str, separator: Separator, count: Annotated[int, Field(gt=1)]) -> Finding:
    """With the separator between them, none of them empty."""
    found = text.split(separator)
    empty = sum(not folded(part) for part in found)
    reason = f"{len(found)} parts with {separator} between, {empty} of them empty; {count} asked for"
    return judged(len(found) == count and not empty, reason)


@check(version=1)
def table(text: str) -> Finding:
    """Markdown's, with a line of headings and at least one row."""
    return judged(bool(TABLE.search(text)), "a table with headings and a row asked for")


@check(version=2)
def separated_by_commas(text: str, count: Annotated[int, Field(gt=1)]) -> Finding:
    """One line, that many items, none of them empty, and nothing around them."""
    items = text.rstrip(" .").split(",")
    if re.search(r"\b(?:and|or)\b", items[-1]):
        return cannot_tell(f"whether “{items[-1].strip()[:60]}” is one item or two")
    bare = not re.search(r":\s|[.!?]\s", text)
    holds = bare and len(lines(text)) == 1 and len(items) == count and all(map(folded, items))
    return judged(holds, f"{len(items)} items in {len(lines(text))} lines, {count} in one asked for")
