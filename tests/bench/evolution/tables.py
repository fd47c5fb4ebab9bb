"""What `bench-evolution` found, as figures: gains over the starting model, and over each control.

A gain is the mean over documents of the candidate's value less the starting model's. Its interval is from a bootstrap
that draws training seeds first and then documents, the same documents for all seeds and arms; a difference of gains
draws the seeds of both arms and has the documents in common. Of an arm with one training seed it knows nothing of the
luck of a training.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as Printed
from scipy.stats import t

from tests.bench.evolution.arms import Arm

Numbers = NDArray[np.float64]
DRAWS = 4000
LEVELS = (0.025, 0.975)
FIRST = "robust 1"
ABILITIES = ("instructions", "sum", "sorting", "reading", "ifeval")  # whose mean is held against the controls


@dataclass
class Table:
    arms: list[Arm] = field(default_factory=list)

    def add(self, arm: Arm) -> None:
        """Raises ValueError where it was asked other documents than those that are there."""
        for axis, values in arm.axes.items():
            if self.arms and self.arms[0].axes[axis].documents != values.documents:
                raise ValueError(f"{axis}: {arm.label} was asked other documents than {self.arms[0].label}")
        self.arms.append(arm)

    def arm(self, name: str, seed: int) -> Arm | None:
        return next((arm for arm in self.arms if (arm.name, arm.seed) == (name, seed)), None)

    @property
    def axes(self) -> list[str]:
        return list(self.arms[0].axes)

    def base(self, axis: str) -> float:
        """What the starting model reaches: a little different on each machine."""
        return float(np.mean([arm.axes[axis].before for arm in self.arms]))

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(arm.name for arm in self.arms))

    def gains(self, name: str, axis: str) -> Numbers:
        """[training seeds, documents]"""
        mine = [arm.axes[axis] for arm in self.arms if arm.name == name]
        gains: Numbers = np.array([one.after for one in mine]) - np.array([one.before for one in mine])
        return gains

    def _seeds(self, name: str) -> int:
        return sum(arm.name == name for arm in self.arms)

    def _apart(self, name: str, axis: str) -> Numbers:
        """Gains whose means by training seed are so far apart that their bootstrap is as wide as Student's t of them.

        Where the luck of a training is all there is, a bootstrap over three seeds has 75% in place of 95%.
        """
        gains, count = self.gains(name, axis), self._seeds(name)
        wider = float(t.ppf(LEVELS[1], count - 1)) / 1.96 * (count / (count - 1)) ** 0.5 - 1 if count > 1 else 0
        found: Numbers = gains + wider * (gains.mean(axis=1, keepdims=True) - gains.mean())
        return found

    def interval(self, name: str, axes: tuple[str, ...], other: str = "") -> tuple[float, float, float]:
        """Low, mean and high of the mean gain over the axes, less the other arm's where one is named."""
        chance = np.random.default_rng(0)
        middle, drawn = 0.0, np.zeros(DRAWS)
        seeds = {one: self._drawn(chance, self._seeds(one)) for one in (name, other) if one}
        for axis in axes:
            documents = self._drawn(chance, len(self.arms[0].axes[axis].before))
            for one, sign in ((name, 1), (other, -1)):
                if one:
                    gains = self._apart(one, axis)
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
        return {
            "base": {axis: _short(self.base(axis)) for axis in self.axes},
            "documents": {axis: len(values.before) for axis, values in self.arms[0].axes.items()},
            "gains": {name: {axis: self.rounded(name, (axis,)) for axis in self.axes} for name in self.names},
            **self.summary(),
            "trainings": [
                {"arm": arm.name, "seed": arm.seed, "rows": arm.rows, "tokens": arm.tokens, "verdict": arm.verdict}
                | {"epochs": arm.epochs, "minutes": arm.minutes, "processor": arm.processor}
                | {"means": {axis: _short(float(np.mean(values.after))) for axis, values in arm.axes.items()}}
                for arm in self.arms
            ],
        }

    def rounded(self, name: str, axes: tuple[str, ...], other: str = "") -> list[float]:
        return [_short(value) for value in self.interval(name, axes, other)]

    def better_than(self) -> dict[str, list[float]]:
        """By how much the first iteration's mean gain over the abilities is above each control's."""
        controls = [name for name in self.names if not name.startswith("robust")]
        return {name: self.rounded(FIRST, ABILITIES, name) for name in controls if FIRST in self.names}

    def summary(self) -> dict[str, Any]:
        if not self.arms:
            return {}
        promoted = 0
        for name in sorted(name for name in self.names if name.startswith("robust")):
            if any(arm.verdict != "promote" for arm in self.arms if arm.name == name):
                break
            promoted += 1
        first = {axis: self.rounded(FIRST, (axis,)) for axis in self.axes if FIRST in self.names}
        return {"iteration_1": first, "better_than": self.better_than(), "promoted_in_a_row": promoted}

    def show(self, console: Console) -> None:
        printed = Printed(title="gain over the starting model [95%]", title_justify="left", box=None)
        for column in ("", "base", *(f"{name} ({self._seeds(name)} training seeds)" for name in self.names)):
            printed.add_column(column)
        for axis in self.axes:
            cells = [_cell(self.rounded(name, (axis,))) for name in self.names]
            printed.add_row(axis, f"{self.base(axis):.3f}", *cells)
        less = self.better_than()
        printed.add_row(
            f"{FIRST} is better by", "", *(_cell(less[name]) if name in less else "" for name in self.names)
        )
        console.print(printed)


def _short(value: float) -> float:
    return round(value, 4)


def _cell(found: list[float]) -> str:
    low, middle, high = found
    return f"{middle:+.3f} \\[{low:+.3f}, {high:+.3f}]"
