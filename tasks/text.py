"""Measures of text: words, overlap, repetition, variety."""

import re
from collections.abc import Iterable, Sequence

from rapidfuzz.distance import LCSseq

REFUSAL = re.compile(
    r"^\W*(i'?m sorry|i am sorry|sorry,|i apologi[sz]e|unfortunately,? i (can|am|do)"
    r"|i (can'?t|cannot|can not|won'?t|will not|am unable to|'?m unable to|am not able to|'?m not able to)\b"
    r"|as an? (ai|artificial|language model))",
    re.IGNORECASE,
)


def words(text: str) -> list[str]:
    return re.findall(r"\w+(?:'\w+)?", text.lower())


def rouge_l(a: Sequence[str], b: Sequence[str]) -> float:
    """The larger of ROUGE-L recall and precision (F lies between them), 0-1; the common subsequence is exact."""
    if not a or not b:
        return 0.0
    return float(LCSseq.similarity(a, b)) / min(len(a), len(b))


def repeated_share(text: str, n: int = 4) -> float:
    """Share of the text's word n-grams that stood before in it, 0-1; 0 for a text of fewer than n + 1 words."""
    grams = _grams(words(text), n)
    return 1 - len(set(grams)) / len(grams) if len(grams) > 1 else 0.0


def distinct(texts: Iterable[str], n: int = 2) -> float:
    """Distinct word n-grams over all n-grams of `texts` (Li et al. 2016), 0-1; 0 if there are none."""
    grams = [gram for text in texts for gram in _grams(words(text), n)]
    return len(set(grams)) / len(grams) if grams else 0.0


def is_refusal(text: str) -> bool:
    """Whether the text begins by declining. English phrases only."""
    return bool(REFUSAL.match(text))


def _grams(tokens: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(tokens[i:] for i in range(n)), strict=False))
