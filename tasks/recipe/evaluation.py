"""The values that shape how models are measured and when one takes another's place."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.recipe.values import Config, NotNegative, Positive

Panel = Literal["instructions", "instructions_unseen", "sum", "sum_three_digits", "sorting", "reading"]
Tolerance = Annotated[float, Field(gt=0)]


class Benchmark(Config):
    """A task of lm-evaluation-harness by its name there, a shipped one (deployments/benchmarks), or a file of your own.

    A file is a task of the harness in YAML (FOLDER/NAME.yaml, with `task: NAME` in it).
    """

    task: str
    """A task's name in the harness or in deployments/benchmarks, or a YAML file of your own."""
    name: str = ""
    """What its axis is called, in place of the task's name."""
    data: str = ""
    """A JSON Lines file in place of the task's own data."""
    shots: int | None = Field(default=None, ge=0)
    """Examples in the prompt, in place of the task's own number."""
    items: Positive | None = None
    """The first so many of each task."""
    max_new_tokens: Positive | None = None
    """Token limit of an answer, where the task allows more."""
    metric: str = ""
    """Which of the task's metrics, as METRIC or METRIC,FILTER; empty: the first."""
    also: dict[str, str] = Field(default={}, exclude_if=lambda more: not more)
    """More axes from the same answers: METRIC or METRIC,FILTER by the axis's name."""
    in_gate: bool = Field(default=True, exclude_if=bool)
    """Whether the gate asks it; false: it is measured for the report alone."""
    run_generated_code: bool = False
    """Allows tasks that run what the model wrote, in a sandbox without network."""

    @property
    def file(self) -> Path | None:
        return Path(self.task).expanduser() if self.task.endswith((".yaml", ".yml")) else None

    @property
    def in_harness(self) -> str:
        return self.file.stem if self.file else self.task

    @property
    def axis(self) -> str:
        return self.name or self.in_harness

    @property
    def metrics(self) -> dict[str, str]:
        """By axis."""
        return {self.axis: self.metric, **self.also}


TOLERANCES = {  # the smallest change that matters, in the axis's own unit
    "log_likelihood": 0.02,  # nats per token
    "preference": 0.05,
    "relevance": 0.02,  # nats per token
    "distinct_2": 0.1,
    "duplicates": 0.1,
    "panel_duplicates": 0.1,
    "refusals": 0.1,
    "repetition": 0.1,
    "off_language": 0.1,
    "judge_score": 1.0,  # of 10
    "judge_auc": 0.05,  # a share of pairs, as preference is
}
BENCHMARK_TOLERANCE = 0.05
# Their tolerance is a ceiling.
BETTER_DOWN = ("duplicates", "panel_duplicates", "refusals", "repetition", "off_language", "judge_score")


class EvaluateConfig(Config):
    """What champion and candidate are measured on."""

    max_items: Positive = 200
    """At most so many held-out seeds: likelihoods and one greedy response each."""
    max_new_tokens: Positive = 128
    """Token limit of a greedy response."""
    panels: dict[Panel, Positive] = Field(default={})
    """Questions that rules can check, so many of each panel; drawn afresh for the gate of each iteration."""
    test_panels: bool = False
    """Whether models are measured on the same panels' test part, too: for the report, never asked by the gate."""
    benchmarks: tuple[Benchmark, ...] = ()
    """Tasks of lm-evaluation-harness, each with the keys below."""

    @model_validator(mode="after")
    def _have_axes_of_their_own(self) -> Self:
        axes = {axis for one in self.benchmarks for axis in one.metrics}
        if taken := sorted(axes & {*self.panels, "instructions", "instructions_unseen", *TOLERANCES, "length"}):
            raise ValueError(f"benchmarks: {', '.join(taken)} is an axis of the gate; give it another `name`")
        return self


class GateConfig(Config):
    """When a candidate takes the champion's place.

    strict: significantly better, and on no axis significantly beyond its tolerance. non-inferiority: on every axis
    significantly within its tolerance. paper: the best of all iterations, as published, however small the difference.
    """

    policy: Literal["strict", "non-inferiority", "paper"] = "strict"
    """When a candidate is promoted: `strict`, `non-inferiority` or `paper` (flows/README.md, The verdict)."""
    min_items: Positive = 10
    """With fewer held-out seeds nothing is promoted: an interval over a handful of items says nothing."""
    bootstrap_draws: Positive = 10_000
    """Draws of the paired bootstrap at least, and of labels swapped by coin."""
    confidence: Annotated[float, Field(gt=0, le=0.999)] = 0.95
    """Of intervals, and of all decisions to roll back together."""
    min_effect: NotNegative = 0.2
    """Least gain of the abilities' weighted mean, in tolerances."""
    tolerances: dict[str, Tolerance] = Field(default={})
    """Smallest change that matters, by axis, in place of `TOLERANCES` in tasks/recipe/evaluation.py."""
    weights: dict[str, NotNegative] = Field(default={})
    """Weights of abilities in their mean, by axis; 1 each."""
    length_ratio: tuple[float, float] = (0.5, 2.0)
    """Bounds of the candidate's mean words over the champion's."""
    at_most: dict[str, float] = Field(default={"kl": 1.0, "leaked_rows": 0, "unparsed": 0.2})
    """Bounds of single figures: KL to M_0 (nats a token), training rows that hold a measured item, unparsed scores."""
    patience: Positive | None = None
    """So many iterations in a row without a promotion end the evolution, or send it back."""
    then: Literal["stop", "peak"] = "stop"
    """What follows then: the end, or the next iteration from the best model with other samples."""

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
