"""The values that shape what is made checkable, sampled and kept by rule."""

from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from tasks.recipe.values import Config, Positive, Share, none_twice

Levels = Annotated[tuple[Annotated[int, Field(ge=1, le=3)], ...], Field(min_length=1)]
Family = Literal["sum", "difference", "order", "comparison", "reading", "conversion"]
Way = Literal["given", "constraints", "computed", "hindsight"]


class ConstraintsConfig(Config):
    """Low seeds' instructions, and those written from them, with constraints that a rule can check."""

    questions_per_instruction: Positive = 6
    """Questions from each instruction, each with constraints of its own."""
    most: Annotated[int, Field(ge=1, le=3)] = 1
    """At most so many constraints of one question."""
    levels: Levels = (1,)
    """Of each iteration, the last for all later ones: up to which level kinds and ranges go
    (tasks/verify/questions/constraints.yaml)."""
    max_instruction_words: Positive = 80
    """Longer instructions get no constraint."""


class ComputedConfig(Config):
    """Questions with an answer that is computed."""

    questions: dict[Family, Positive] = Field(default=dict.fromkeys(get_args(Family), 40))
    """So many of each family in an iteration."""
    level: Annotated[int, Field(ge=1, le=3)] = 1
    """Of the first iteration: how large the numbers are, how long the lists. A family goes up or down by one behind an
    iteration whose rows are kept and in which more than 0.6 or less than 0.1 of its answers passed."""


class HindsightConfig(Config):
    """Requests that high seeds' responses meet after an edit that loses nothing, with crossed pairs of two edits.

    No SFT rows: an edited text of a person's is nothing that the model would say by itself.
    """

    opposites_per_seed: Positive = 2
    """Two edits that meet one request each and not the other's make two pairs; so many such twos of each seed."""


class VerifyConfig(Config):
    """Questions whose answers a rule can check: how answers are sampled, and which ones are trained on."""

    ways: Annotated[tuple[Way, ...], AfterValidator(none_twice)] = ()
    """In which questions are made: `given` by seeds that know what is right, `constraints` on low seeds' and written
    instructions, `computed` ones from nothing, `hindsight` from high seeds' responses; none: nothing is verified."""
    constraints: ConstraintsConfig = ConstraintsConfig()
    computed: ComputedConfig = ComputedConfig()
    hindsight: HindsightConfig = HindsightConfig()
    samples: Annotated[int, Field(ge=3)] = 8
    """Answers to each question. One that all but one answer or more meet teaches nothing."""
    temperature: Annotated[float, Field(gt=0, le=2)] = 1.0
    """Sampling temperature: answers have to differ, some right and some wrong."""
    min_p: Share = 0.05
    """Only tokens at least this share as likely as the likeliest."""
    max_new_tokens: Positive = 192
    """Token limit of an answer; with a low one, those that have to be long all fail."""
    rows_per_question: Positive = 2
    """SFT rows of one question at most."""
    pairs_per_question: Positive = 2
    """Pairs of one question at most."""
    length_ratio: tuple[float, float] | None = (0.5, 2.0)
    """Bounds of a pair's rejected words over its chosen ones."""
    sft_rows: Positive = 800
    """At most so many SFT rows, families of checks in turn."""
    pairs: int = Field(default=800, ge=0)
    """At most so many pairs, families of checks in turn; 0: no preferences of right over wrong."""
    guard: Share = 0.0
    """Share of the answers that pass, those with the lowest reviewer's scores, that are left out all the same: a rule
    may be met by what is no answer."""
    reviewed: int = Field(default=100, ge=0)
    """Questions of which the reviewer scores a right and a wrong answer, to see whether it knows which is which."""
    verdicts: Literal["checks", "shuffled", "ignored"] = "checks"
    """Controls: `shuffled` deals the verdicts on the answers to a question out among them by chance, `ignored` lets
    every answer pass."""

    @property
    def used(self) -> bool:
        return bool(self.ways)

    @property
    def gives_sft_rows(self) -> bool:
        return any(way != "hindsight" for way in self.ways)

    @model_validator(mode="after")
    def _in_bounds(self) -> Self:
        if self.length_ratio and not 0 < self.length_ratio[0] <= 1 <= self.length_ratio[1]:
            raise ValueError(f"verify.length_ratio: expected bounds around 1, found {self.length_ratio}")
        if self.verdicts == "ignored" and self.pairs:
            raise ValueError(
                f"verify.verdicts is ignored, so that no answer is wrong and there are no pairs: set verify.pairs to 0 "
                f"(found {self.pairs})"
            )
        return self


def level_of(levels: Levels, iteration: int) -> int:
    """The last one for all iterations that have none of their own."""
    return levels[min(iteration, len(levels)) - 1]
