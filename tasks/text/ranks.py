"""How well numbers tell two groups of texts apart."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata


def auc(above: Sequence[float], below: Sequence[float]) -> float:
    """Area under the ROC curve: how often one of `above` is larger than one of `below`, a tie counting half.

    By ranks (Mann and Whitney 1947), in memory for so many numbers and not for all pairs.
    """
    ranks = rankdata(np.concatenate([above, below]))
    larger = ranks[: len(above)].sum() - len(above) * (len(above) + 1) / 2
    return float(larger / (len(above) * len(below)))
