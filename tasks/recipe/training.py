"""The values that shape training: what is mixed, LoRA, SFT, DPO, how M_0 is taught, how it is run."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.recipe.values import Config, Positive, Share


class MixConfig(Config):
    """What SFT is given beside the kept examples; `accumulate` adds those of earlier iterations, as published.

    `human_share` is a minimum: where there are too few seeds for it, the lowest-scored examples stay out. With 1 it is
    given the seeds alone, all of them.
    """

    accumulate: bool = True  # pairs too
    human_share: Share = 0.0  # of given seeds in the whole
    skill_share: Share = 0.0  # of graded reviews in the whole

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.human_share < 1 <= self.human_share + self.skill_share:
            raise ValueError("human_share and skill_share together must stay below 1")
        return self


class LoraConfig(Config):
    """On all linear layers."""

    rank: Positive = 8
    alpha: Positive = 16
    dropout: Share = 0.0


class SftConfig(Config):
    lora: LoraConfig = LoraConfig()
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    batch_rows: Positive = 32
    epochs: Positive = 3
    tokens: Positive | None = None  # train on about so many in place of `epochs`: recipes compared at equal cost
    warmup_share: Share = 0.1
    max_tokens: Positive = 1024


class TeachConfig(Config):
    """How M_0 is made: SFT on so many graded reviews (none: the starting model as it is) and the seeds themselves."""

    skill_rows: int = Field(default=0, ge=0)
    with_seeds: bool = True
    sft: SftConfig = SftConfig()


class DpoConfig(SftConfig):
    """`beta` is not published; a checkpoint's name hints at 0.6.

    `reference`: M_t after SFT, as published; the champion that the iteration began with; or M_0.
    """

    reference: Literal["sft", "champion", "base"] = "sft"
    learning_rate: Annotated[float, Field(gt=0)] = 5e-6
    beta: Annotated[float, Field(gt=0)] = 0.6
