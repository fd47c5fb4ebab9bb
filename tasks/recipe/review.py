"""The values that shape the review: what the reviewer is asked, how it is calibrated, what becomes the score."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.recipe.values import Config, NotNegative, Positive, Share


class SampledConfig(Config):
    """The signal `sampled`: rationales with a score; published are 3, and the mean of those that parse."""

    samples: Positive = 3
    """Rationales for each pair."""
    stop_when_two_agree: bool = False
    """Ask for no third one where two give the same score."""
    retries: int = Field(default=2, ge=0)
    """More samples in place of those without a score."""
    max_new_tokens: Positive = 512
    """Token limit of one rationale."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """Sampling temperature."""
    top_p: Share = 0.9
    """Nucleus sampling."""


class SignalsConfig(Config):
    """What the reviewer is asked. All of it is stored; `review` makes scores of it without asking again."""

    use: tuple[Literal["likelihood", "contrast", "read", "sampled"], ...] = ("likelihood", "contrast")
    """Signals that are collected (tasks/review/signals)."""
    contrasts: Positive = 2
    """Signal `contrast`: contradictions of each response."""
    read: Literal["whole", "principles"] = "whole"
    """Signal `read`: one question about the pair, or one for each principle."""
    sampled: SampledConfig = SampledConfig()


class AnchorsConfig(Config):
    """What the reviewer is calibrated with: corrupted anchor seeds, and texts that it wrote itself."""

    draws: Positive = 1
    """Draws of each corruption of each anchor seed."""
    own_texts: bool = True
    """Whether the model writes anchors itself."""
    questions: int = Field(default=60, ge=0)
    """Questions with computed answers that it answers for them, rightly or wrongly: a rule knows which."""
    retested: int = Field(default=20, ge=0)
    """Anchors that are asked about twice, to see how stable scores are."""
    canaries: int = Field(default=52, ge=0)
    """Texts that ask for a better score, each with a harmless twin."""
    max_new_tokens: Positive = 64
    """Token limit of an anchor that the model writes."""


class CalibrationConfig(Config):
    """How scores are fitted to signals."""

    length: bool = False
    """Whether the number of words may be a feature: a score in disguise."""
    regularisation: Annotated[float, Field(gt=0)] = 1.0
    """1/C of the softmax regressions."""


class ReviewConfig(Config):
    """Which signal becomes the score, and when there is none."""

    score: Literal["calibrated", "read", "sampled", "random"] = "calibrated"
    """What the score is made from; `random` is a control that looks at nothing."""
    weights: dict[str, NotNegative] = Field(default={})
    """Weights of principles by name, in place of those in tasks/text/prompts/principles.yaml."""
    min_label_mass: Share = 0.5
    """Signal `read`: with less probability on the score tokens there is no score."""
    max_unparsed_share: Share = 0.2
    """With a larger share of pairs without a score the run ends."""
