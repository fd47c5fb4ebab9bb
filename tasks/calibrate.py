"""Calibrate a reviewer: from its signals to the probability that each principle of the constitution holds.

For the instruction and for the response one small softmax regression, on standardised signals and their squares, tells
apart what anchors are known to be: good, or at fault in one of several ways. A principle holds as far as the faults
that break it are unlikely. Principles that no anchor breaks cannot be learned and do not count.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from tasks.calibration import Calibration, Faults, with_squares
from tasks.config import CalibrationConfig
from tasks.constitution import Constitution
from tasks.corrupt import BREAKS, FAULTS, GOOD
from tasks.graded import Anchor, Signals

VERSION = 2  # 2: faults told apart, one regression for each text
FOLDS = 5
LENGTH = "words"
NOT_JUDGED = ("sampled_asked", "sampled_parsed")  # how often it was asked says nothing of the text
# What stands in the one text says nothing of the other: a garbled instruction, seen only beside good responses, would
# make a response good (out of fold such pairs beat 99% of the untouched ones).
OF_THE_OTHER = {"instruction": ("response_", "contrast_", LENGTH), "response": ("instruction_",)}


def fit(anchors: Sequence[Anchor], signals: Sequence[Signals], config: CalibrationConfig) -> Calibration:
    """Raises ValueError if no fault can be learned: good anchors are needed and ones at fault."""
    found, names = [one.found() for one in signals], _shared(signals, config)
    texts = {}
    for text, faults in FAULTS.items():
        known = [i for i, anchor in enumerate(anchors) if anchor.state in (GOOD, *faults)]
        states = [anchors[i].state for i in known]
        if not {GOOD} < set(states):
            continue
        features = tuple(name for name in names if not name.startswith(OF_THE_OTHER[text]))
        x = np.array([[found[i][name] for name in features] for i in known])
        centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        model = LogisticRegression(C=1 / config.regularisation, max_iter=5000)
        model.fit(with_squares(x, centre, scale), states, sample_weight=_balanced(states))
        weights, intercepts = model.coef_, model.intercept_
        if len(weights) == 1:  # of two states scikit-learn keeps the second one's
            weights, intercepts = np.vstack([0 * weights, weights]), np.append(0.0, intercepts)
        texts[text] = Faults(
            features=features,
            centre=tuple(centre),
            scale=tuple(scale),
            states=tuple(model.classes_),
            breaks=tuple(BREAKS[state] for state in model.classes_),
            weights=tuple(map(tuple, weights)),
            intercepts=tuple(intercepts),
        )
    if not texts:
        raise ValueError(f"calibration: {len(anchors)} anchors, none of which breaks a principle; raise anchor_share")
    return Calibration(texts=texts)


def _shared(signals: Sequence[Signals], config: CalibrationConfig) -> list[str]:
    """The signals that all of them have: a rationale without a score has none to learn from."""
    left_out = NOT_JUDGED if config.length else (*NOT_JUDGED, LENGTH)
    return [name for name in signals[0].names if name not in left_out and all(name in one.names for one in signals)]


def _balanced(states: Sequence[str]) -> NDArray[np.float64]:
    """Weights that make all faults count alike, and the good as much as all faults together.

    How many anchors of a kind were made says nothing of how often it is met.
    """
    numbers = Counter(states)
    weights = np.array([(len(numbers) - 1 if state == GOOD else 1) / numbers[state] for state in states])
    scaled: NDArray[np.float64] = weights * len(states) / weights.sum()
    return scaled


def out_of_fold(
    anchors: Sequence[Anchor], signals: Sequence[Signals], constitution: Constitution, config: CalibrationConfig
) -> list[float]:
    """Each anchor's score, 0-10, by a calibration fitted without any anchor of its seed."""
    groups, names = [anchor.seed for anchor in anchors], set(_shared(signals, config))
    # What one anchor lacks is learned in no fold, or the fold without it would ask it for that.
    signals = [one.only(names) for one in signals]
    scores = [float("nan")] * len(anchors)
    folds = GroupKFold(n_splits=min(FOLDS, len(set(groups))), shuffle=True, random_state=0)
    for learned, judged in folds.split(groups, groups=groups):
        calibration = fit([anchors[i] for i in learned], [signals[i] for i in learned], config)
        for i in judged:
            scores[i] = constitution.score(calibration.holds(signals[i].found()))
    return scores
