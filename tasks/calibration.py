"""A fitted calibration: what turns one reviewer's signals into the principles that hold."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

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
