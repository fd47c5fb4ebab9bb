"""Results of one model by itself on each axis: means with 95% intervals, a bootstrap over documents."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.evaluate import health
from tasks.evaluate.evidence import Evidence, preference, relevance

DRAWS = 2_000


@dataclass(frozen=True)
class Result:
    """`log_likelihood`, `relevance`: nats a token; `length`: words; benchmarks: their metric; the others: shares."""

    axis: str
    value: float
    low: float
    high: float
    items: int

    @property
    def shown(self) -> tuple[str, str, str, str]:
        return self.axis.replace("_", "-"), f"{self.value:.3f}", f"{self.low:.3f} to {self.high:.3f}", str(self.items)


def results(found: Evidence) -> list[Result]:
    """`distinct_2` is left out: it is one figure of all responses together."""
    held_out = found.held_out
    columns: dict[str, Sequence[float]] = {
        "log_likelihood": [row.log_likelihood for row in held_out],
        "preference": [preference(row) for row in held_out],
    }
    for name in dict.fromkeys(row.benchmark for row in found.scores):
        columns[name] = [row.value for row in found.scores if row.benchmark == name]
    columns["relevance"] = [relevance(row) for row in held_out]
    read = health.columns(held_out)
    columns |= {name: read[name].tolist() for name in ("length", *health.MEANS)}
    return [_mean(name, values) for name, values in columns.items() if values]


def _mean(name: str, values: Sequence[float]) -> Result:
    numbers, chance = np.array(values), np.random.default_rng(0)
    drawn = numbers[chance.integers(len(numbers), size=(DRAWS, len(numbers)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Result(name, float(numbers.mean()), float(low), float(high), len(numbers))
