"""Health: how a model's greedy replies read, beside what it can do. One value a document, so that it can be drawn."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.store.rows import Measured
from tasks.text.words import grams, is_refusal, repeated_share, words

MEANS = ("duplicates", "refusals", "repetition", "off_language")


def duplicates(texts: Sequence[str]) -> list[bool]:
    """Whether each is word for word the reply to another document."""
    said = [tuple(words(text)) for text in texts]
    replies = Counter(said)
    return [replies[tokens] > 1 for tokens in said]


def columns(rows: Sequence[Measured]) -> dict[str, NDArray[np.float64]]:
    """[documents] each: the `MEANS`, shares; `length` in words; `pairs` and `new_pairs`, whose sums make distinct-2.

    Distinct-2 (Li et al. 2016) is of all replies together. A word pair that stands in them k times is 1/k new in each
    of its places: the sum over documents is the number of distinct pairs, and a draw of documents is not poorer for
    holding one twice. (Counting each draw's own distinct pairs gave intervals that left the measured change outside.)
    """
    said = [words(row.response) for row in rows]
    pairs = [grams(tokens, 2) for tokens in said]
    times = Counter(pair for of_one in pairs for pair in of_one)
    found = {
        "length": [len(tokens) for tokens in said],
        "pairs": [len(of_one) for of_one in pairs],
        "new_pairs": [sum(1 / times[pair] for pair in of_one) for of_one in pairs],
        "duplicates": duplicates([row.response for row in rows]),
        "refusals": [is_refusal(row.response) for row in rows],
        "repetition": [repeated_share(row.response) for row in rows],
        "off_language": [row.off_language for row in rows],
    }
    return {name: np.array(values, dtype=float) for name, values in found.items()}
