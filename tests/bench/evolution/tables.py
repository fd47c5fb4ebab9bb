"""What `bench-evolution` found, as figures: gains over the starting model, and over each control.

A gain is the mean over documents of the candidate's value less the starting model's. Its interval is from a bootstrap
that draws training seeds first and then documents, the same documents for all seeds and arms; a difference of gains
draws the seeds of both arms and has the documents in common.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as Printed

Numbers = NDArray[np.float64]
Values = dict[str, dict[str, float]]
DRAWS = 4000
LEVELS = (0.025, 0.975)
ABILITIES = ("instructions", "sum", "sorting", "reading", "ifeval")  # whose mean is held against the controls


@dataclass(frozen=True)
class Arm:
    """One training: values by axis and document."""

    name: str
    seed: int
    measured: Values
    tokens: dict[str, int]
    rows: dict[str, int]
    verdict: str
    seconds: float


@dataclass
class Table:
    arms: list[Arm] = field(default_factory=list)
    base: Values = field(default_factory=dict)

    def add(self, arm: Arm, base: Values) -> None:
        self.arms.append(arm)
        self.base = base

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(arm.name for arm in self.arms))

    def gains(self, name: str, axis: str) -> Numbers:
        """[training seeds, documents]"""
        documents = sorted(self.base[axis])
        before = np.array([self.base[axis][one] for one in documents])
        rows = [[arm.measured[axis][one] for one in documents] for arm in self.arms if arm.name == name]
        gains: Numbers = np.array(rows) - before
        return gains

    def interval(self, name: str, axes: tuple[str, ...], other: str = "") -> tuple[float, float, float]:
        """Low, mean and high of the mean gain over the axes, less the other arm's where one is named."""
        chance = np.random.default_rng(0)
        middle, drawn = 0.0, np.zeros(DRAWS)
        seeds = {one: self._drawn(chance, self.gains(one, axes[0]).shape[0]) for one in (name, other) if one}
        for axis in axes:
            documents = self._drawn(chance, len(self.base[axis]))
            for one, sign in ((name, 1), (other, -1)):
                if one:
                    gains = self.gains(one, axis)
                    middle += sign * float(gains.mean()) / len(axes)
                    drawn += sign * np.einsum("ds,si,di->d", seeds[one], gains, documents, optimize=True) / len(axes)
        low, high = np.quantile(drawn, LEVELS)
        return float(low), middle, float(high)

    @staticmethod
    def _drawn(chance: np.random.Generator, count: int) -> Numbers:
        """[DRAWS, count] How much of each draw is each one."""
        shares: Numbers = chance.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count
        return shares

    def figures(self) -> dict[str, Any]:
        """The whole table, to be kept."""
        axes = list(self.base)
        return {
            "base": {axis: float(np.mean(list(values.values()))) for axis, values in self.base.items()},
            "documents": {axis: len(values) for axis, values in self.base.items()},
            "gains": {name: {axis: self.interval(name, (axis,)) for axis in axes} for name in self.names},
            "better_than": self.better_than(),
            "trainings": [
                {"arm": arm.name, "seed": arm.seed, "rows": arm.rows, "tokens": arm.tokens, "verdict": arm.verdict}
                | {"minutes": round(arm.seconds / 60, 1)}
                | {"means": {axis: float(np.mean(list(values.values()))) for axis, values in arm.measured.items()}}
                for arm in self.arms
            ],
        }

    def better_than(self) -> dict[str, tuple[float, float, float]]:
        """By how much the first iteration's mean gain over the abilities is above each control's."""
        controls = [name for name in self.names if not name.startswith("robust")]
        return {name: self.interval("robust 1", ABILITIES, name) for name in controls}

    def summary(self) -> dict[str, Any]:
        promoted = 0
        for name in sorted(name for name in self.names if name.startswith("robust")):
            if any(arm.verdict != "promote" for arm in self.arms if arm.name == name):
                break
            promoted += 1
        first = {axis: self.interval("robust 1", (axis,)) for axis in self.base}
        return {"iteration_1": first, "better_than": self.better_than(), "promoted_in_a_row": promoted}

    def show(self, console: Console) -> None:
        printed = Printed(title="gain over the starting model [95%]", title_justify="left", box=None)
        for column in ("", "base", *self.names):
            printed.add_column(column)
        for axis, values in self.base.items():
            cells = [_cell(self.interval(name, (axis,))) for name in self.names]
            printed.add_row(axis, f"{np.mean(list(values.values())):.3f}", *cells)
        less = self.better_than()
        printed.add_row(
            "robust 1 is better by", "", *(_cell(less[name]) if name in less else "" for name in self.names)
        )
        console.print(printed)


def _cell(found: tuple[float, float, float]) -> str:
    low, middle, high = found
    return f"{middle:+.3f} \\[{low:+.3f}, {high:+.3f}]"
