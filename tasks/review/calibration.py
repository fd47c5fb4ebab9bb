"""Calibrate a reviewer: from its signals to the probability that each principle of the constitution holds.

For the instruction and for the response one small softmax regression, on standardised signals and their squares, tells
apart what anchors are known to be: good, or at fault in one of several ways. A principle holds as far as the faults
that break it are unlikely. Principles that no anchor breaks cannot be learned and do not count.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tasks.recipe.review import CalibrationConfig
from tasks.review.constitution import Constitution
from tasks.review.faults import BREAKS, FAULTS, GOOD
from tasks.store.reviews import Anchor, Signals

VERSION = 2  # 2: faults told apart, one regression for each text
FOLDS = 5
LENGTH = "words"
NOT_JUDGED = ("sampled_asked", "sampled_parsed")  # how often it was asked says nothing of the text
# One text says nothing of the other: a garbled instruction, seen only beside good responses, would
# make a response good (out of fold such pairs beat 99% of the untouched ones).
OF_THE_OTHER = {"instruction": ("response_", "contrast_", LENGTH), "response": ("instruction_",)}
Matrix = NDArray[np.float64]


class Faults(BaseModel):
    """A softmax regression over the states of one text, "good" and each fault, on `features` and their squares.

    `weights` and `intercepts` are by state, `breaks` the principles that a state breaks.
    """

    model_config = ConfigDict(frozen=True)
    features: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    states: tuple[str, ...]
    breaks: tuple[tuple[str, ...], ...]
    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]

    def probabilities(self, signals: Mapping[str, float]) -> dict[str, float]:
        """Of each state, adding up to 1; raises KeyError for a signal that is missing."""
        x = np.array([[signals[name] for name in self.features]])
        row = with_squares(x, np.array(self.centre), np.array(self.scale))[0]
        logits = np.array(self.weights) @ row + np.array(self.intercepts)
        odds = np.exp(logits - logits.max())
        return dict(zip(self.states, map(float, odds / odds.sum()), strict=True))

    def holds(self, signals: Mapping[str, float]) -> dict[str, float]:
        """The probability, 0-1, that each principle holds: of all states that leave it whole."""
        found = self.probabilities(signals)
        principles = sorted({name for broken in self.breaks for name in broken})
        whole = {
            name: [state for state, broken in zip(self.states, self.breaks, strict=True) if name not in broken]
            for name in principles
        }
        return {name: sum(found[state] for state in states) for name, states in whole.items()}


class Calibration(BaseModel):
    """Everything that is needed to judge new signals of the same reviewer: instruction and response apart."""

    model_config = ConfigDict(frozen=True)
    texts: dict[str, Faults]

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self.texts.values() for name in one.features))

    def holds(self, signals: Mapping[str, float]) -> dict[str, float]:
        return {name: p for one in self.texts.values() for name, p in one.holds(signals).items()}


def with_squares(x: Matrix, centre: Matrix, scale: Matrix) -> Matrix:
    # Clipped: a square far outside of what was fitted would drown everything else.
    standard = np.clip((x - centre) / scale, -4, 4)
    return np.concatenate([standard, standard**2], axis=1)


def fit(anchors: Sequence[Anchor], signals: Sequence[Signals], config: CalibrationConfig) -> Calibration:
    """Raises ValueError if no fault can be learned: good anchors are needed and ones at fault."""
    from sklearn.linear_model import LogisticRegression  # a second and a half that a run which fits nothing saves

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
    from sklearn.model_selection import GroupKFold

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
