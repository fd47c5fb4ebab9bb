"""The values that shape which rows are read, written, cleaned and kept. Published values are the defaults."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.recipe.values import Config, NotNegative, Positive, Share, Threshold


class ReadingConfig(Config):
    """How seeds are read and divided. Held-out rows and anchors are never trained on."""

    held_out_share: Share = 0.2
    """Share of the seeds that is only measured on, chosen by content."""
    anchor_share: Share = 0.2
    """Share of the seeds that only calibrates the reviewer; at least four rows."""
    held_out_rows: Positive = Field(default=2000, exclude_if=lambda most: most == 2000)
    """At most so many seeds are held out, however many there are; the rest is worked on."""
    anchor_rows: Positive = Field(default=500, exclude_if=lambda most: most == 500)
    """At most so many seeds calibrate: the reviewer looks some 64 times at each, and 500 place an AUC within 0.03."""
    max_rows: Positive | None = None
    """At most so many seeds, the first ones."""
    max_words: Positive = 1000
    """Longer rows (instruction plus response) are rejected."""
    malformed_share: Share = Field(default=0.5, exclude_if=lambda share: share == 0.5)
    """A file is refused if more of its rows cannot be read, or are no instruction with a response."""
    columns: dict[str, str] = Field(default={}, exclude_if=lambda names: not names)
    """Names of your columns for ours, as `{prompt: text, tests: test_list}`: those of the forms of seeds, and `answer`,
    `choices`, `tests`, `check`, `arguments` for what is right; `{context: ""}` leaves one of yours out."""
    system: Literal["before question", "drop", "reject"] = Field(
        default="before question", exclude_if=lambda how: how == "before question"
    )
    """What becomes of a system text: it goes before the first question, or is dropped, or its row is rejected."""
    turn: Literal["last", "first"] = "last"
    """Of a conversation: the last answer with the turns before it, or the first question and answer."""


class SplitConfig(Config):
    """Where low and high seeds part."""

    threshold: Threshold = Threshold(score=7.0)
    """V: seeds that score strictly above it are high, the others low."""


class WriteConfig(Config):
    """What is written for each seed, and how it is sampled."""

    instructions_per_low_seed: Positive = 4
    """New instructions for each low seed."""
    answers_per_instruction: Positive = 4
    """Answers to each new instruction."""
    flawed_per_high_seed: Positive = 4
    """Responses with a flaw for each high seed."""
    ordinary_per_high_seed: int = Field(default=0, ge=0)
    """Responses without a flaw for each high seed: those that score low become natural rejects."""
    max_new_tokens: Positive = 512
    """Token limit of one text."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """Sampling temperature."""
    top_p: Share = 0.9
    """Nucleus sampling."""
    min_p: Share = Field(default=0, exclude_if=lambda share: not share)
    """Above 0, in place of `top_p`: tokens at least this share as likely as the likeliest; faster on a CPU."""


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

    without: tuple[CleanRule, ...] = ()
    """Rules that are not used, by their names in tasks/clean/rules.py."""
    max_rouge_l: Share = 0.7
    """Rule `overlap`: ROUGE-L, the larger of recall and precision, with the seed or a sibling."""
    min_instruction_words: Positive = 5
    """Rule `too_short`, of new instructions."""
    min_response_words: Positive = 10
    """Rule `too_short`, of responses."""
    max_response_words: Positive = 4096
    """Rule `too_long`."""
    max_repeated_share: Share = 0.5
    """Rule `repetition`: share of a text's word 4-grams that occurred before in it."""
    max_boilerplate_share: Share = 0.3
    """Rule `boilerplate`: share of a text's words in stock phrases."""
    near_duplicate_rouge_l: Share = 0.7
    """Rule `near_duplicate`: ROUGE-L (F) with anything in the pool."""
    contamination_run_words: Positive = 10
    """Rule `contamination`: words in a row in common with an item that is only measured on."""
    contamination_rouge_l: Share = 0.9
    """Rule `contamination`: ROUGE-L (F) of an instruction with such an item's."""


class AnnotateConfig(Config):
    """Which written rows are trained on."""

    sft_keep: Threshold = Threshold(score=8.0)
    """Low-branch rows that score strictly above it become SFT rows."""
    margin: Threshold = Threshold(score=2.0)
    """A pair's chosen response scores more than this above the rejected one."""
    max_margin: NotNegative | None = None
    """Pairs further apart are left out as too easy."""
    length_ratio: tuple[float, float] | None = None
    """Bounds of the rejected response's words over the chosen one's."""
    pairs_per_prompt: Positive = 1
    """At most so many pairs of one prompt."""
    beats_by: NotNegative = 1.0
    """An ordinary response is chosen over the seed's own if it scores more than this above it."""


Branch = Literal["sft", "preference"]


class TargetConfig(Config):
    """Exactly so many accepted rows: writing continues in rounds until they are there or the candidates are spent.

    The last round works on as many seeds as the candidates are enough for. Without a target there is one round, and
    what comes of it.
    """

    sft_rows: Positive | None = None
    """Exactly so many SFT rows, the best-scored."""
    pairs: Positive | None = None
    """Exactly so many pairs, those furthest apart."""
    candidates: Positive | None = None
    """At most so many texts are written for the target, new instructions included."""

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if (self.sft_rows or self.pairs) and not self.candidates:
            raise ValueError("a target needs `candidates`, how many texts may be written for it at most")
        return self
