"""The values that shape the review: what the reviewer is asked, how it is calibrated, what becomes the score."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.recipe.values import Config, NotNegative, Positive, Share


class SampledConfig(Config):
    """Rationales with a score; published: 3, the mean of those that parse."""

    samples: Positive = 3
    stop_when_two_agree: bool = False
    retries: int = Field(default=2, ge=0)  # more samples in place of those without a score
    max_new_tokens: Positive = 512
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Share = 0.9


class SignalsConfig(Config):
    """What the reviewer is asked. All of it is stored; `review` makes scores of it without asking again."""

    use: tuple[Literal["likelihood", "contrast", "read", "sampled"], ...] = ("likelihood", "contrast")
    contrasts: Positive = 2  # contradictions of each response
    read: Literal["whole", "principles"] = "whole"
    sampled: SampledConfig = SampledConfig()


class AnchorsConfig(Config):
    """What the reviewer is calibrated with: corrupted anchor seeds, and texts that it wrote itself."""

    draws: Positive = 1  # of each corruption of each anchor seed
    own_texts: bool = True
    retested: int = Field(default=20, ge=0)  # anchors that are looked at twice
    canaries: int = Field(default=52, ge=0)  # pairs that ask for a better score, each beside a harmless twin
    max_new_tokens: Positive = 64  # of an own text


class CalibrationConfig(Config):
    """How scores are fitted to signals. `length` lets the number of words be a feature: a score in disguise."""

    length: bool = False
    regularisation: Annotated[float, Field(gt=0)] = 1.0  # 1/C of the softmax regressions


class ReviewConfig(Config):
    """Which signal becomes the score, and when there is none: too little label mass, no score in any rationale."""

    score: Literal["calibrated", "read", "sampled", "random"] = "calibrated"  # random: a control that looks at nothing
    weights: dict[str, NotNegative] = Field(default={})  # of principles, in place of the constitution's
    min_label_mass: Share = 0.5
    max_unparsed_share: Share = 0.2
