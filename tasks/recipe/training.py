"""The values that shape training: what is mixed, LoRA, SFT, DPO, how M_0 is taught."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.recipe.values import Config, NotNegative, Positive, Share


class MixConfig(Config):
    """What SFT is given beside the rows that this iteration kept."""

    accumulate: bool = True
    """Also the rows and pairs of earlier iterations, as published."""
    human_share: Share = 0.0
    """Least share of given seeds in the whole; the lowest-scored written rows make room. 1: the seeds alone."""
    skill_share: Share = 0.0
    """Share of graded reviews in the whole."""

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.human_share < 1 <= self.human_share + self.skill_share:
            raise ValueError("human_share and skill_share together must stay below 1")
        return self


class LoraConfig(Config):
    """On all linear layers."""

    rank: Positive = 8
    """Rank of LoRA on all linear layers."""
    alpha: Positive = 16
    """LoRA's scale times its rank."""
    dropout: Share = 0.0
    """LoRA's dropout."""


class SftConfig(Config):
    """Supervised fine-tuning."""

    lora: LoraConfig = LoraConfig()
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """Peak learning rate; cosine schedule."""
    batch_rows: Positive = 32
    """Rows of one step."""
    epochs: Positive = 3
    """Passes over the rows."""
    tokens: Positive | None = None
    """Train on about so many tokens in place of `epochs`, to compare recipes at equal cost."""
    warmup_share: Share = 0.1
    """Share of the steps over which the learning rate rises."""
    max_tokens: Positive = 1024
    """Longer rows are left out whole."""


class TeachConfig(Config):
    """How M_0 is made: SFT of the starting model on graded reviews and the seeds."""

    skill_rows: int = Field(default=0, ge=0)
    """Graded reviews; 0: M_0 is the starting model as it is."""
    with_seeds: bool = True
    """Whether the seeds are trained on, too."""
    sft: SftConfig = SftConfig()


class DpoConfig(SftConfig):
    """Direct preference optimisation."""

    reference: Literal["sft", "champion", "base"] = "sft"
    """DPO's reference model: M_t after SFT, as published; the champion that the iteration began with; or M_0."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-6
    """Peak learning rate; cosine schedule."""
    beta: Annotated[float, Field(gt=0)] = 0.6
    """DPO's beta; not published, a checkpoint's name hints at 0.6."""
    nll: NotNegative = Field(default=0, exclude_if=lambda weight: not weight)
    """Weight of the chosen response's negative log-likelihood beside DPO's loss: against chosen texts that grow less
    likely (DPOP, arXiv 2402.13228)."""
