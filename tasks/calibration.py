"""A fitted calibration: what turns one reviewer's signals into the principles that hold."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Matrix = NDArray[np.float64]


class Regression(BaseModel):
    """Weights of the standardised signals, then of their squares."""

    model_config = ConfigDict(frozen=True)
    weights: tuple[float, ...]
    intercept: float


class Calibration(BaseModel):
    """Everything that is needed to judge new signals of the same reviewer."""

    model_config = ConfigDict(frozen=True)
    features: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    principles: dict[str, Regression]

    def holds(self, signals: Mapping[str, float]) -> dict[str, float]:
        """Probability, 0-1, that each principle holds; raises KeyError for a signal that is missing."""
        x = with_squares(
            np.array([[signals[name] for name in self.features]]), np.array(self.centre), np.array(self.scale)
        )
        return {
            name: float(1 / (1 + np.exp(-(x[0] @ np.array(one.weights) + one.intercept))))
            for name, one in self.principles.items()
        }


def with_squares(x: Matrix, centre: Matrix, scale: Matrix) -> Matrix:
    # Clipped: a square far outside of what was fitted would drown everything else.
    standard = np.clip((x - centre) / scale, -4, 4)
    return np.concatenate([standard, standard**2], axis=1)
