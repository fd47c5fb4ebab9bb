"""Kinds of value in a recipe, and the frozen models that hold them, validated when made.

Each stage's model is part of that stage's fingerprint; EngineConfig and TrainerConfig say only how things are run, and
are not.
"""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]


def none_twice(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("expected each of them once")
    return values


class Config(BaseModel):
    """The text under a key says what it is: deployments/README.md has all of them in one table."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Threshold(Config):
    """Absolute, as published (`score: 7.0`), or relative to what was found (`quantile: 0.5`)."""

    score: float | None = None
    quantile: Share | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.score is None) == (self.quantile is None):
            raise ValueError("give either `score` (absolute) or `quantile` (0-1), and not both")
        return self

    def value(self, found: Sequence[float]) -> float:
        """The number to compare with, given the `found` values it is about (at least one for a quantile)."""
        return self.score if self.score is not None else float(np.quantile(np.asarray(found), self.quantile or 0.0))

    def __str__(self) -> str:
        return f"score {self.score:g}" if self.score is not None else f"quantile {self.quantile:g}"
