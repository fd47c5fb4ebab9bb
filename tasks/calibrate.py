"""Calibrate a reviewer: from its signals to the probability that each principle of the constitution holds.

One small logistic regression a principle, on standardised signals and their squares, fitted on anchors whose principles
are known. Principles that no anchor breaks cannot be learned and do not count.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from tasks.calibration import Calibration, Regression, with_squares
from tasks.config import CalibrationConfig
from tasks.constitution import Constitution
from tasks.graded import Anchor, Signals

VERSION = 1
FOLDS = 5
LENGTH = "words"
NOT_JUDGED = ("sampled_asked", "sampled_parsed")  # how often it was asked says nothing of the text


def fit(
    anchors: Sequence[Anchor], signals: Sequence[Signals], constitution: Constitution, config: CalibrationConfig
) -> Calibration:
    """Raises ValueError if no principle can be learned: anchors of both kinds are needed for one."""
    found = [one.found() for one in signals]
    left_out = NOT_JUDGED if config.length else (*NOT_JUDGED, LENGTH)
    names = [name for name in found[0] if name not in left_out and all(name in one for one in found)]
    learned = {}
    for principle in constitution.principles:
        known = [i for i, anchor in enumerate(anchors) if principle.id not in anchor.unknown]
        holds = np.array([principle.id not in anchors[i].breaks for i in known])
        if holds.all() or not holds.any():
            continue
        # What stands in the one text says nothing of the other: a garbled instruction, seen only beside good responses,
        # would make a response good (out of fold such pairs beat 99% of the untouched ones).
        other = {"instruction": "response_", "response": "instruction_"}[principle.of]
        features = tuple(name for name in names if not name.startswith(other))
        x = np.array([[found[i][name] for name in features] for i in known])
        centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        model = LogisticRegression(C=1 / config.regularisation, max_iter=5000)
        kinds = [anchors[i].corruption for i in known]
        model.fit(with_squares(x, centre, scale), holds, sample_weight=_balanced(kinds, holds))
        learned[principle.id] = Regression(
            features=features,
            centre=tuple(centre),
            scale=tuple(scale),
            weights=tuple(model.coef_[0]),
            intercept=float(model.intercept_[0]),
        )
    if not learned:
        raise ValueError(f"calibration: {len(anchors)} anchors, none of which breaks a principle; raise anchor_share")
    return Calibration(principles=learned)


def _balanced(kinds: Sequence[str], holds: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights that make the kinds of a side count alike, and the two sides.

    How many anchors of a kind were made says nothing of how often it is met: with all anchors alike, repeated responses
    were seen at an AUC of 0.76, with these weights (and `expert` counting four times) at 0.89.
    """
    numbers = Counter(zip(kinds, holds, strict=True))
    weights = np.array([1 / numbers[kind, side] for kind, side in zip(kinds, holds, strict=True)])
    for side in (True, False):
        weights[holds == side] *= len(kinds) / 2 / weights[holds == side].sum()
    return weights


def out_of_fold(
    anchors: Sequence[Anchor], signals: Sequence[Signals], constitution: Constitution, config: CalibrationConfig
) -> list[float]:
    """Each anchor's score, 0-10, by a calibration fitted without any anchor of its seed."""
    groups = [anchor.seed for anchor in anchors]
    scores = [float("nan")] * len(anchors)
    folds = GroupKFold(n_splits=min(FOLDS, len(set(groups))), shuffle=True, random_state=0)
    for learned, judged in folds.split(groups, groups=groups):
        calibration = fit([anchors[i] for i in learned], [signals[i] for i in learned], constitution, config)
        for i in judged:
            scores[i] = constitution.score(calibration.holds(signals[i].found()))
    return scores
