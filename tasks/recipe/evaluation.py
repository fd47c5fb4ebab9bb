"""The values that shape how models are measured and when one takes another's place."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.recipe.values import Config, NotNegative, Positive, Share

Tolerance = Annotated[float, Field(gt=0)]


class Benchmark(Config):
    """A task of lm-evaluation-harness by its name there, a shipped one (deployments/benchmarks), or a file of your own.

    A file is a task of the harness in YAML (FOLDER/NAME.yaml, with `task: NAME` in it).
    """

    task: str
    name: str = ""  # what its axis is called, in place of the task's name
    data: str = ""  # a JSON Lines file in place of the task's own data
    shots: int | None = Field(default=None, ge=0)
    items: Positive | None = None  # the first so many of each task
    max_new_tokens: Positive | None = None  # of an answer, where the task allows more
    metric: str = ""  # of the task's metrics, "METRIC" or "METRIC,FILTER"; the first if empty
    run_generated_code: bool = False  # tasks that run what the model wrote: in a child without network

    @property
    def file(self) -> Path | None:
        return Path(self.task).expanduser() if self.task.endswith((".yaml", ".yml")) else None

    @property
    def in_harness(self) -> str:
        return self.file.stem if self.file else self.task

    @property
    def axis(self) -> str:
        return self.name or self.in_harness


class EvaluateConfig(Config):
    """Held-out seeds (likelihood, preference, one greedy response each), and benchmarks beside."""

    max_items: Positive = 200
    max_new_tokens: Positive = 128
    benchmarks: tuple[Benchmark, ...] = ()


TOLERANCES = {  # the smallest change that matters, in the axis's own unit
    "log_likelihood": 0.02,  # nats per token
    "preference": 0.05,
    "relevance": 0.02,  # nats per token
    "distinct_2": 0.1,
    "duplicates": 0.1,
    "refusals": 0.1,
    "repetition": 0.1,
    "off_language": 0.1,
    "judge_score": 1.0,  # of 10
    "judge_auc": 0.05,  # a share of pairs, as preference is
}
BENCHMARK_TOLERANCE = 0.05
BETTER_DOWN = ("duplicates", "refusals", "repetition", "off_language", "judge_score")  # their tolerance is a ceiling


class GateConfig(Config):
    """When a candidate takes the champion's place.

    strict: significantly better, and on no axis significantly beyond its tolerance. non-inferiority: on every axis
    significantly within its tolerance. paper: the best of all iterations, as published, however small the difference.
    """

    policy: Literal["strict", "non-inferiority", "paper"] = "strict"
    min_items: Positive = 10  # an interval over a handful of items says nothing, and over one it has no width
    bootstrap_draws: Positive = 10_000
    confidence: Share = 0.95
    min_effect: NotNegative = 0.2  # of the abilities' weighted mean, in tolerances
    tolerances: dict[str, Tolerance] = Field(default={})  # of axes by name, in place of the built-in ones
    weights: dict[str, NotNegative] = Field(default={})  # of abilities in their mean; 1 each
    length_ratio: tuple[float, float] = (0.5, 2.0)  # candidate's mean words over the champion's
    at_most: dict[str, float] = Field(
        default={"kl": 1.0, "leaked_rows": 0, "unparsed": 0.2}
    )  # kl: to M_0, nats a token
    patience: Positive | None = None  # with so many iterations in a row that promote nothing
    then: Literal["stop", "peak"] = "stop"  # then the evolution ends, or goes on from its best with other samples

    def tolerance(self, axis: str) -> float:
        return self.tolerances.get(axis, TOLERANCES.get(axis, BENCHMARK_TOLERANCE))

    def weight(self, ability: str) -> float:
        return self.weights.get(ability, 1.0)

    def tolerated(self, axis: str, ability: bool) -> tuple[float | None, float | None]:
        """Between what a change is tolerated."""
        if axis == "length":
            return self.length_ratio
        up = axis in BETTER_DOWN and not ability
        return (None, self.tolerance(axis)) if up else (-self.tolerance(axis), None)
