"""Words, sentences, paragraphs and lines of a text, as a person counts them; in time that grows with its length."""

import re
import unicodedata
from itertools import groupby

from tasks.text.scripts import UNSPACED


def _marks() -> str:
    """Accents, vowel signs and the joiners of Indic and Persian, which \\w leaves out, as ranges; up to U+FFFF."""
    codes = [code for code in range(0x10000) if unicodedata.category(chr(code))[0] == "M" or code in (0x200C, 0x200D)]
    runs = [[code for _, code in run] for _, run in groupby(enumerate(codes), lambda one: one[1] - one[0])]
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)


MARKS = _marks()
PART = rf"(?:[^\W_{UNSPACED}]++[{MARKS}]*+)++"
# "don't", "well-known" and "1,000.5" are one word each; of scripts without spaces, a character.
WORD = re.compile(rf"[{UNSPACED}][{MARKS}]*+|\d+(?:[.,]\d+)+|{PART}(?:['’_-]{PART})*+")
JOINER = re.compile("['_-]")
CLOSING = "\"'”’)*_»"

# A full stop behind a title ends no sentence; behind what is short for something, where one of these follows.
OPENERS = (
    "The|This|That|These|Those|There|Here|It|Its|He|She|We|You|They|I|A|An|My|Your|His|Her|Our|Their|In|On|At|By|For|To"
    "|From|With|As|If|When|While|After|Before|Because|Then|Now|So|But|And|Or|Not|No|Yes|What|Why|How|Who|Which|Where"
)
GOES_ON = rf"(?=\s++(?!(?:{OPENERS})\b(?!\.))"
ABBREVIATIONS = (
    r"(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|vs|cf|approx|e\.g|i\.e)\.",
    rf"(?:(?:etc|Jr|Sr|Inc|Ltd|Co|Fig)\.|(?:[A-Za-z]\.){{2,}}+){GOES_ON})",
    rf"[A-HJ-Z]\.{GOES_ON}[^\W\d_a-z])",  # of a name; but "So do I."
    r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.(?=\s+[\da-z])",
    r"No\.(?=\s*\d)",
)
ABBREVIATION = rf"(?<![\w.])(?:{'|'.join(ABBREVIATIONS)})"
NUMBER = r"(?<!\S)\d{1,3}\.(?=\s)"
MARKED = rf"(?<![.!?…])(?P<marks>[.!?…]++[{CLOSING}]*+)(?:(?=\s++(?P<next>\S))|(?=\s*+$))"
ITEM = r"\n(?=[^\S\n]*(?:[-*•]|\d+[.)])\s)"
SENTENCE_END = re.compile(rf"(?P<inside>{ABBREVIATION})|(?P<number>{NUMBER})|{MARKED}|[。！？।॥؟۔]+|\n\s*\n|{ITEM}")
BLANK_LINE = re.compile(r"\n\s*\n")


def words(text: str) -> list[str]:
    return WORD.findall(unicodedata.normalize("NFC", text))


def folded(text: str) -> list[str]:
    """Words in one case: “Straße” is “strasse”; a curly apostrophe is a straight one."""
    return [word.replace("’", "'") for word in words(text.casefold())]


def parted(text: str) -> list[str]:
    """As `folded`, but of compounds each part: “river's”, “river-bank”."""
    return [part for word in folded(text) for part in JOINER.split(word)]


def sentences(text: str) -> list[str]:
    """A list's item and a paragraph end one, with a full stop or without."""
    found, begin, cased = [], 0, text != text.lower()
    for end in SENTENCE_END.finditer(text):
        # “Go!” he said. Where there are capitals, a small letter goes on; but behind a full stop many write one.
        goes_on = cased and (end["next"] or "").islower() and end["marks"] != "."
        of_list = end["number"] and not text[begin : end.start()].strip()  # "1. One."
        if not (end["inside"] or goes_on or of_list):
            found.append(text[begin : end.end()])
            begin = end.end()
    return [one.strip() for one in (*found, text[begin:]) if words(one)]


def paragraphs(text: str) -> list[str]:
    return [one.strip() for one in BLANK_LINE.split(text) if one.strip()]


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
