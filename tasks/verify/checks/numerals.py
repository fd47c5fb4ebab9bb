"""Numbers in a text, in figures and in English words, as exact fractions."""

import re
from fractions import Fraction

FIGURES = re.compile(
    r"(?<![\w.,])(?P<sign>[-−–]?)\s?[$€£]?(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?P<part>\.\d+)?"
    r"(?:\s?[/⁄]\s?(?P<below>\d+))?(?P<percent>\s?%)?(?![\d])"
)
VULGAR = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"}
UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SMALL = {word: value for value, word in enumerate(UNITS)} | {word: 10 * n for n, word in enumerate(TENS, 2)}
LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
SHARES = {"half": Fraction(1, 2), "third": Fraction(1, 3), "quarter": Fraction(1, 4), "dozen": Fraction(12)}
SPELLED = re.compile(r"[a-z]+")


def numbers(text: str) -> list[Fraction]:
    """In the order of the text. "1,000" is one number and "1, 2" are two; 5% is 5; "one third" is a third."""
    for mark, spelled in VULGAR.items():
        text = text.replace(mark, f" {spelled} ")
    found = [(at.start(), value) for at in FIGURES.finditer(text) if (value := _figures(at)) is not None]
    return [value for _, value in sorted([*found, *_spelled(text.lower())])]


def _figures(at: re.Match[str]) -> Fraction | None:
    whole, part, below = at["whole"], at["part"], at["below"]
    if not (whole or part) or (below and not int(below)):
        return None
    value = Fraction(f"{(whole or '0').replace(',', '')}{part or ''}") / int(below or 1)
    return -value if at["sign"] else value


def _spelled(text: str) -> list[tuple[int, Fraction]]:
    found: list[tuple[int, Fraction]] = []
    group: list[re.Match[str]] = []
    for word in [*SPELLED.finditer(text), None]:
        follows = word and group and re.fullmatch(r"[\s-]+", text[group[-1].end() : word.start()])
        known = word and (word[0] in SMALL or word[0] in LARGE or word[0] in SHARES)
        if group and word and word[0] == "and" and follows and group[-1][0] in LARGE:
            group.append(word)
            continue
        if group and not (known and follows):
            found.append((group[0].start(), _value([one[0] for one in group])))
            group = []
        if word and known:
            group.append(word)
    return found


def _value(spelled: list[str]) -> Fraction:
    total, group = Fraction(0), Fraction(0)
    for word in spelled:
        if word in SHARES:
            group = SHARES[word] * (group or 1)
        elif word == "hundred":
            group = Fraction(group or 1) * 100
        elif word in LARGE:
            total, group = total + (group or 1) * LARGE[word], Fraction(0)
        elif word in SMALL:
            group += SMALL[word]
    return total + group
