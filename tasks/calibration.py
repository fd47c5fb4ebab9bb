"""A fitted calibration: what turns one reviewer's signals into the principles that hold."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Matrix = NDArray[np.float64]


class Regression(BaseModel):
    """Weights of the standardised `features`, then of their squares."""

    model_config = ConfigDict(frozen=True)
    features: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def holds(self, signals: Mapping[str, float]) -> float:
        """Probability, 0-1; raises KeyError for a signal that is missing."""
        x = np.array([[signals[name] for name in self.features]])
        row = with_squares(x, np.array(self.centre), np.array(self.scale))[0]
        return float(1 / (1 + np.exp(-(row @ np.array(self.weights) + self.intercept))))


class Calibration(BaseModel):
    """Everything that is needed to judge new signals of the same reviewer: a regression for each principle."""

    model_config = ConfigDict(frozen=True)
    principles: dict[str, Regression]

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self.principles.values() for name in one.features))

    def holds(self, signals: Mapping[str, float]) -> dict[str, float]:
        return {name: one.holds(signals) for name, one in self.principles.items()}


def with_squares(x: Matrix, centre: Matrix, scale: Matrix) -> Matrix:
    # Clipped: a square far outside of what was fitted would drown everything else.
    standard = np.clip((x - centre) / scale, -4, 4)
    return np.concatenate([standard, standard**2], axis=1)
