"""What the order of numbers says.

scipy.stats is imported where it is used: it takes a second and a half, and most commands rank nothing.
"""

from collections.abc import Sequence

import numpy as np


def auc(above: Sequence[float], below: Sequence[float]) -> float:
    """Area under the ROC curve: how often one of `above` is larger than one of `below`, a tie counting half.

    By ranks (Mann and Whitney 1947), in memory for so many numbers and not for all pairs.
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([above, below]))
    larger = ranks[: len(above)].sum() - len(above) * (len(above) + 1) / 2
    return float(larger / (len(above) * len(below)))


def correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's, of numbers in pairs."""
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)
