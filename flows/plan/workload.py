"""Workload: what a stage asks, reads and trains on, in tokens, and the hours that it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

MEAN_TOKENS_PER_WORD = 1.5  # of many texts: 1.4 in the shipped seeds with SmolLM2's tokenizer
TEMPLATE_TOKENS = 25  # around every text; a longer beginning that requests share is read once, and cached


@dataclass(frozen=True)
class Words:
    """How long an instruction and its response are."""

    instruction: float
    response: float

    @property
    def tokens(self) -> float:
        return TEMPLATE_TOKENS + MEAN_TOKENS_PER_WORD * (self.instruction + self.response)


@dataclass(frozen=True)
class Workload:
    """One stage: texts to write, readings (of log-probabilities), and tokens at most; trained ones once an epoch."""

    stage: str
    texts: int = 0
    readings: int = 0
    written_tokens: int = 0
    read_tokens: int = 0
    trained_tokens: int = 0


@dataclass(frozen=True)
class Given:
    """What a recipe works on: seeds with their mean length (a guess where they are not here), so many rows of a
    `held_out` of its own, and what its benchmarks ask one model.
    """

    seeds: int
    words: Words = Words(50, 200)
    held_out: int | None = None
    benchmarks: tuple[Workload, ...] = ()


@dataclass(frozen=True)
class Rates:
    """Tokens a second of all devices together."""

    writing: float
    reading: float
    training: float

    @classmethod
    def of(cls, writing: float, reading: float | None = None, training: float | None = None) -> "Rates":
        """On two cores with units for bfloat16 the default model writes 528 (256 requests at once), reads 1,100, and is
        trained on 256 by SFT and 268 by DPO. On a GPU it was not measured.
        """
        return cls(writing, reading or 2 * writing, training or writing / 2)

    def hours(self, work: Sequence[Workload]) -> dict[str, float]:
        return {
            "writing": sum(one.written_tokens for one in work) / self.writing / 3600,
            "reading": sum(one.read_tokens for one in work) / self.reading / 3600,
            "training": sum(one.trained_tokens for one in work) / self.training / 3600,
        }


def summed(stage: str, work: Sequence[Workload]) -> Workload:
    numbers = [field.name for field in fields(Workload) if field.name != "stage"]
    return Workload(stage, **{name: sum(getattr(one, name) for one in work) for name in numbers})
