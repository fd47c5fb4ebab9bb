"""Fenced blocks of a text: what Markdown sets between lines of back quotes or tildes.

blocks("So:\\n```python\\na = 1\\n```")     # [Block(tag="python", text="a = 1")]
"""

import re
import textwrap
from dataclasses import dataclass

# Set in as far as one likes, or behind the mark of a list's item: models do not count the spaces.
OPENED = re.compile(r"\s*(?:(?:[-*+]|\d+[.)])\s+)?(?P<fence>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)")
TAG = re.compile(r"\w[\w+#.-]*")


@dataclass(frozen=True)
class Block:
    """`tag`: the first word behind the fence in small letters, as a rule a language; "" where there is none."""

    tag: str
    text: str  # without what all of its lines are set in by


def blocks(text: str) -> list[Block]:
    """In their order. One that nothing closes goes on to the end, as Markdown has it."""
    found: list[Block] = []
    tag, fence, inside = "", "", list[str]()
    for line in text.split("\n"):
        if fence and re.fullmatch(rf"\s*{fence}{fence[0]}*\s*", line):
            found.append(_block(tag, inside))
            fence = ""
        elif fence:
            inside.append(line)
        elif opened := OPENED.fullmatch(line):
            word = TAG.search(opened["info"])
            tag, fence, inside = word[0].lower() if word else "", opened["fence"], []
    return [*found, _block(tag, inside)] if fence else found


def _block(tag: str, lines: list[str]) -> Block:
    return Block(tag, textwrap.dedent("\n".join(lines)))
