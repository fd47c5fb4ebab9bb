"""The constitution: the principles that a pair is judged by, each with its text and its weight.

Scores are additive (paper, section 3): 10 times the weight of the principles that hold over the weight of all.
"""

import functools
from collections.abc import Mapping
from typing import Literal

import yaml

from tasks.recipe.values import Config, NotNegative
from tasks.text.prompts import templates as prompts


class Principle(Config):
    id: str
    of: Literal["instruction", "response"]
    weight: NotNegative
    text: str


class Constitution(Config):
    version: int
    principles: tuple[Principle, ...]

    def weighted(self, weights: Mapping[str, float]) -> "Constitution":
        """With other weights for the principles named; raises ValueError for one that there is not."""
        known = {principle.id for principle in self.principles}
        if unknown := sorted(set(weights) - known):
            raise ValueError(
                f"review.weights: no principle {', '.join(unknown)}; there are: {', '.join(sorted(known))}"
            )
        changed = tuple(p.model_copy(update={"weight": weights.get(p.id, p.weight)}) for p in self.principles)
        return self.model_copy(update={"principles": changed})

    def prompt(self) -> str:
        """The system message of a reviewer who is asked."""
        texts = {
            of: "\n".join(f"- {p.text}" for p in self.principles if p.of == of) for of in ("instruction", "response")
        }
        return prompts.render("constitution", **texts)

    def score(self, holds: Mapping[str, float]) -> float:
        """0-10 from the probability, 0-1, that each principle holds; principles that are not in it do not count."""
        weights = {p.id: p.weight for p in self.principles if p.id in holds}
        total = sum(weights.values())
        if not total:
            raise ValueError("the principles that can be judged have no weight: see review.weights")
        return 10 * sum(weight * holds[name] for name, weight in weights.items()) / total


@functools.cache
def load() -> Constitution:
    return Constitution.model_validate(yaml.safe_load(prompts.source("principles")))
