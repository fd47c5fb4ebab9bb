"""Measures of text: words, overlap, repetition, variety."""

import re
from collections.abc import Iterable, Sequence

from rapidfuzz.distance import LCSseq

from tasks.text.scripts import UNSPACED

REFUSAL = re.compile(
    r"\W*((i'?m|i am) (very |so |really )?sorry\b(?! (for your|to hear|that you))|sorry\b[,.!]? |i apologi[sz]e"
    r"|i must decline"
    r"|unfortunately,? i (can|am|do)"
    r"|i (can'?t|cannot|can not|won'?t|will not) (?!wait|help but|believe|imagine)"
    r"|i('?m| am) (unable|not able) to\b"
    r"|as an? (ai|artificial intelligence|(large )?language model)\b)",
    re.IGNORECASE,
)


WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+(?:'[^\W{UNSPACED}]+)?")
STRETCH = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
Gram = tuple[str, ...]


def normalised(text: str) -> str:
    """What two texts have in common that differ only in white space and case."""
    return " ".join(text.split()).casefold()


def words(text: str) -> list[str]:
    """Lower-case words without punctuation; characters in scripts that put no spaces between words."""
    return WORD.findall(text.lower())


def length(text: str) -> int:
    """What white space separates, as in the published word limits; in scripts without spaces, characters."""
    return len(STRETCH.findall(text))


def extent(text: str) -> int:
    """`length`, but at ten characters a word at least: encoded data without a space is long too."""
    return max(length(text), len(text) // 10)


def rouge_l(a: Sequence[str], b: Sequence[str]) -> float:
    """The larger of ROUGE-L recall and precision (F lies between them), 0-1; the common subsequence is exact."""
    if not a or not b:
        return 0.0
    return float(LCSseq.similarity(a, b)) / min(len(a), len(b))


def rouge_l_f(a: Sequence[str], b: Sequence[str]) -> float:
    """ROUGE-L F1, 0-1, which a short text does not have with a long one that holds it."""
    return 2 * float(LCSseq.similarity(a, b)) / (len(a) + len(b)) if a and b else 0.0


def repeated_share(text: str, n: int = 4) -> float:
    """Share of the text's word n-grams that stood before in it, 0-1; 0 for a text of fewer than n + 1 words."""
    found = grams(words(text), n)
    return 1 - len(set(found)) / len(found) if len(found) > 1 else 0.0


def said_again(text: str) -> float:
    """Share of the text's words in sentences (or lines) that stood before in it, word for word; 0-1."""
    sentences = [tuple(words(part)) for part in re.split(r"(?<=[.!?])\s+|\n+", text)]
    again = [len(one) for i, one in enumerate(sentences) if one in sentences[:i]]
    return sum(again) / max(sum(map(len, sentences)), 1)


def longest_repeat(tokens: Sequence[str]) -> int:
    """Words in the longest passage that stands twice in the text, without overlap; 0 if there is none of 2 words."""
    longest, length = 0, 2
    first: dict[tuple[str, ...], int] = {}
    while True:  # a passage of n words is one of n - 1 words too, so lengths are tried one by one
        first.clear()
        for i in range(len(tokens) - length + 1):
            if i - first.setdefault(tuple(tokens[i : i + length]), i) >= length:
                longest = length
                break
        else:
            return longest
        length += 1


def distinct(texts: Iterable[str], n: int = 2) -> float:
    """Distinct word n-grams over all n-grams of `texts` (Li et al. 2016), 0-1; 0 if there are none."""
    return distinct_share([grams(words(text), n) for text in texts])


def distinct_share(texts: Sequence[Sequence[Gram]]) -> float:
    """`distinct` of texts that are n-grams already."""
    total = sum(map(len, texts))
    return len(set().union(*texts)) / total if total else 0.0


def is_refusal(text: str) -> bool:
    """Whether the text begins by declining. English phrases only."""
    return bool(REFUSAL.match(text.replace("’", "'")))


def grams(tokens: list[str], n: int) -> list[Gram]:
    return list(zip(*(tokens[i:] for i in range(n)), strict=False))
