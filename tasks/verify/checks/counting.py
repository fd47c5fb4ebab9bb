"""Words, sentences, paragraphs and lines of a text, as a person counts them."""

import re

from tasks.text.scripts import UNSPACED

# "don't", "well-known" and "1,000.5" are one word each; of scripts without spaces, a character.
WORD = re.compile(rf"[{UNSPACED}]|\d+(?:[.,]\d+)+|[^\W{UNSPACED}]+(?:['’-][^\W{UNSPACED}]+)*")
CLOSING = "\"'”’)*_»"
# A full stop behind these ends no sentence.
ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|a\.m|p\.m|No|Fig|[A-Z])|^\s*\d+)\.$", re.MULTILINE
)
SENTENCE_END = re.compile(rf"(?:[.!?…]+[{CLOSING}]*(?=\s|$)|[。！？]+|\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)])\s))")
BLANK_LINE = re.compile(r"\n\s*\n")


def words(text: str) -> list[str]:
    return WORD.findall(text)


def folded(text: str) -> list[str]:
    """Words in one case: “Straße” is “strasse”; a curly apostrophe is a straight one."""
    return [word.replace("’", "'") for word in words(text.casefold())]


def sentences(text: str) -> list[str]:
    """A list's item and a paragraph end one, with a full stop or without."""
    found, begin = [], 0
    for end in SENTENCE_END.finditer(text):
        if ABBREVIATION.search(text[begin : end.end()].rstrip()):
            continue
        found.append(text[begin : end.end()])
        begin = end.end()
    return [one.strip() for one in (*found, text[begin:]) if words(one)]


def paragraphs(text: str) -> list[str]:
    return [one.strip() for one in BLANK_LINE.split(text) if one.strip()]


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
