"""Two texts with the words marked that only one of them has."""

import difflib
import re

from markupsafe import Markup, escape

WORDS = re.compile(r"\s+|\w+|[^\w\s]")
ALIKE = 0.6  # blanks among what is the same; of texts that differ more, marks say nothing
MOST_WORDS = 3000  # beyond that comparing takes seconds, and nobody reads it


def marked(one: str, other: str) -> tuple[Markup, Markup]:
    """Both as HTML; what is only in the first, and what is only in the second, is in a `mark`."""
    first, second = WORDS.findall(one), WORDS.findall(other)
    if len(first) + len(second) > MOST_WORDS:
        return escape(one), escape(other)
    sides: tuple[list[Markup], list[Markup]] = ([], [])
    found = difflib.SequenceMatcher(None, first, second, autojunk=False)
    if found.ratio() < ALIKE:
        return escape(one), escape(other)
    for kind, a, b, c, d in found.get_opcodes():
        for side, words in zip(sides, (first[a:b], second[c:d]), strict=True):
            text = escape("".join(words))
            side.append(text if kind == "equal" or not text.strip() else Markup("<mark>{}</mark>").format(text))
    return Markup("").join(sides[0]), Markup("").join(sides[1])
