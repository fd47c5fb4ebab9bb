"""The values that shape what is written, cleaned and kept."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.recipe.values import Config, NotNegative, Positive, Share, Threshold


class ReadingConfig(Config):
    """`held_out` is only measured on, `anchors` only calibrate the reviewer; neither is ever trained on.

    `max_words` bounds instruction plus response.
    """

    held_out_share: Share = 0.2
    anchor_share: Share = 0.2
    max_rows: Positive | None = None
    max_words: Positive = 1000
    turn: Literal["last", "first"] = "last"  # of a conversation; the last one with what was said before it


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
