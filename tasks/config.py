"""The values that shape each stage, as frozen pydantic models, validated when made; `tasks.recipes` puts them together.

Each stage's model is part of that stage's fingerprint; EngineConfig and TrainerConfig say only how things are run, and
are not.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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


class SeedsConfig(Config):
    """`held_out` is only measured on, `anchors` only calibrate the reviewer; neither is ever trained on.

    `max_words` bounds instruction plus response.
    """

    held_out_share: Share = 0.2
    anchor_share: Share = 0.2
    max_rows: Positive | None = None
    max_words: Positive = 1000
    turn: Literal["last", "first"] = "last"  # of a conversation; the last one with what was said before it


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
    weights: dict[str, NotNegative] = {}  # of principles, in place of the constitution's
    min_label_mass: Share = 0.5
    max_unparsed_share: Share = 0.2


class SplitConfig(Config):
    """High is strictly above the threshold (V)."""

    threshold: Threshold = Threshold(score=7.0)


class WriteConfig(Config):
    """What is written for each seed; published: 4 instructions x 4 answers (low), 4 flawed responses (high)."""

    instructions_per_low_seed: Positive = 4
    answers_per_instruction: Positive = 4
    flawed_per_high_seed: Positive = 4
    ordinary_per_high_seed: int = Field(default=0, ge=0)  # natural rejects: samples that may turn out badly
    max_new_tokens: Positive = 512
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Share = 0.9


CleanRule = Literal[
    "too_short",
    "too_long",
    "cut_off",
    "refusal",
    "repetition",
    "boilerplate",
    "language",
    "duplicate",
    "overlap",
    "near_duplicate",
    "contamination",
]


class CleanConfig(Config):
    """Published: ROUGE-L above 0.70 within the family; instructions under 5 words; responses under 10 or over 4,096."""

    without: tuple[CleanRule, ...] = ()  # rules that are not used
    max_rouge_l: Share = 0.7  # overlap: with the seed or a sibling; the larger of recall and precision
    min_instruction_words: Positive = 5
    min_response_words: Positive = 10
    max_response_words: Positive = 4096
    max_repeated_share: Share = 0.5  # repetition: of a text's word 4-grams that stood before in it
    max_boilerplate_share: Share = 0.3  # of a text's words that stand in stock phrases
    near_duplicate_rouge_l: Share = 0.7  # F; over the whole pool
    contamination_run_words: Positive = 10  # in common with an item that is only measured on
    contamination_rouge_l: Share = 0.9  # F; of an instruction with an item's, of 11 words all but one


class AnnotateConfig(Config):
    """SFT keeps low-branch rows strictly above `sft_keep`; pairs need a margin strictly above `margin`.

    `max_margin` and `length_ratio` (words of the rejected over those of the chosen) leave out what is too easy to tell
    apart; an ordinary response is chosen in place of the original if it scores more than `beats_by` above it.
    """

    sft_keep: Threshold = Threshold(score=8.0)
    margin: Threshold = Threshold(score=2.0)
    max_margin: NotNegative | None = None
    length_ratio: tuple[float, float] | None = None
    pairs_per_prompt: Positive = 1
    beats_by: NotNegative = 1.0


Branch = Literal["sft", "preference"]


class TargetConfig(Config):
    """Exactly so many accepted rows: writing goes on in rounds until they are there or `candidates` texts are written.

    The last round works on as many seeds as the candidates are enough for. Without a target there is one round, and
    what comes of it.
    """

    sft_rows: Positive | None = None
    pairs: Positive | None = None
    candidates: Positive | None = None  # new instructions count too

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if (self.sft_rows or self.pairs) and not self.candidates:
            raise ValueError("a target needs `candidates`, how many texts may be written for it at most")
        return self


class BudgetConfig(Config):
    """What a run may spend before it stops; nothing of it shapes an artifact."""

    tokens: Positive | None = None  # written by the engines
    hours: Annotated[float, Field(gt=0)] | None = None


class ExecutionConfig(Config):
    """Where models are asked and trained: by the run itself, or by child runs of deployments.

    deployments: for a pool of several machines. The run itself, on a machine that needs no GPU, puts its questions down
    in the shared LANCE_HOME; `workers` child runs, each on a slot of its pool, answer them in shards, and one trains.
    """

    fan_out: Literal["threads", "deployments"] = "threads"
    workers: Positive = 1  # child runs that answer
    answer: str = "answer/answer"  # FLOW/DEPLOYMENT of those
    train: str = "train/train"
    idle_s: NotNegative = 60  # for so long a child run keeps its engine without a question


class EngineConfig(Config):
    """How inference is run. `dtype` must have kernels on the device: bfloat16 is 7x slower than float32 on AVX2."""

    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "auto"
    context_tokens: Positive = 2048
    in_flight: Positive = 64  # requests the engine is given at once
    shard_requests: Positive = 2000  # requests of one Prefect task run, with an artifact of its own
    shards_at_once: Positive = 2  # the next shard fills the engine while the last answers of one come in
    kv_cache_gib: Positive = 1  # on a CPU only
    start_deadline_s: Positive = 600
