"""Gate: from what was measured of two models and a policy to a verdict: promote, hold or roll back. A pure function.

- roll back: on some axis the candidate is significantly beyond its tolerance, all axes taken together (Holm), or a
  figure is beyond its bound. The champion is unchanged, and this iteration's rows leave the pool.
- hold: the champion stays, the iteration's rows may be kept. Not significantly better, or one axis by itself looks bad.
- promote: the abilities' weighted mean is up by what matters, each in units of its tolerance, the smallest change that
  does; and luck alone would hardly do as much (tasks/evaluate/luck.py).

Half of the error goes to each side, so that under no difference at most 1 - confidence is promoted or rolled back. Of
promotions that holds for all gates of an evolution together: a gate that is asked again and again is in the end passed
by luck. A candidate that was superseded, by a rerun or a veto, had its gate as well, and so had the same one under
another policy (tasks/evaluate/looks.py). Gate t spends the share 1 / (t (t + 1)) of the error (alpha spending, Lan and
DeMets 1983, with shares that sum to 1 however many gates there are): the first one asks for as much as a single gate
would.
"""

from collections.abc import Callable, Iterable, Sequence
from math import ceil
from statistics import NormalDist
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.evaluate import luck
from tasks.evaluate.comparison import AxisComparison, Numbers, compare
from tasks.evaluate.evidence import Evidence
from tasks.recipe.evaluation import GateConfig

VERSION = 6  # 6: the same reply to many instructions of panels

MOST_AXES = 100  # with both sides of those that have two
MOST_DRAWS = 1_000_000
MDE_NOTE = (
    "MDE: minimum detectable effect, the smallest true change that so many documents show as significant with a power "
    "of 80%."
)
SHOWN = ("champion", "candidate", "change", "interval", "MDE")


class Axis(BaseModel):
    """Both models, the change (for `length` a ratio), its interval, and between what it is tolerated."""

    model_config = ConfigDict(frozen=True)
    name: str
    ability: bool
    champion: float
    candidate: float
    change: float
    low: float
    high: float
    floor: float | None
    ceiling: float | None
    p: float  # that the true change is within its tolerance after all
    items: int
    confidence: float = 0.95  # of the interval

    @property
    def title(self) -> str:
        return self.name.replace("_", "-")

    @property
    def minimum_detectable_effect(self) -> float:
        """The smallest true change that so many documents show as significant four times in five.

        2.8 standard errors, where the interval is of 95%, 1.96 of them to each side. 0 where both models did the same
        on every document.
        """
        sides = NormalDist().inv_cdf((1 + self.confidence) / 2)
        return (sides + NormalDist().inv_cdf(0.8)) / sides * (self.high - self.low) / 2

    @property
    def shown(self) -> tuple[str, str, str, str, str]:
        """What a person reads, under the titles of `SHOWN`."""
        change = f"x {self.change:.3f}" if self.name == "length" else f"{self.change:+.3f}"
        smallest = f"{self.minimum_detectable_effect:.3f}" if self.minimum_detectable_effect else ""
        return f"{self.champion:.3f}", f"{self.candidate:.3f}", change, f"{self.low:.3f} to {self.high:.3f}", smallest

    @property
    def beyond(self) -> bool:
        """Whether the whole interval lies outside of what is tolerated."""
        return (self.floor is not None and self.high < self.floor) or (
            self.ceiling is not None and self.low > self.ceiling
        )

    def reason(self, how: str) -> str:
        tolerated = f"{self.floor:g}" if self.ceiling is None else f"at most {self.ceiling:g}"
        if self.floor is not None and self.ceiling is not None:
            tolerated = f"{self.floor:g} to {self.ceiling:g}"
        change = self.shown[2]
        return f"{self.title} {how} beyond its tolerance: {change} [{self.shown[3]}], tolerated {tolerated}"


class Verdict(BaseModel):
    """`ability` is the abilities' weighted mean change in tolerances, with its interval."""

    model_config = ConfigDict(frozen=True)
    decision: Literal["promote", "hold", "roll back"]
    reasons: tuple[str, ...]
    axes: tuple[Axis, ...] = ()
    items: int = 0  # held-out ones
    ability: tuple[float, float, float] | None = None
    figures: dict[str, float] = {}


def held(reasons: Sequence[str]) -> Verdict:
    """The verdict on an iteration that came to no candidate."""
    return Verdict(decision="hold", reasons=tuple(reasons))


def promotion_tail(config: GateConfig, number: int) -> float:
    """The error that gate `number` of an evolution may spend on a false promotion."""
    return (1 - config.confidence) / (number * (number + 1))


def by_luck(found: Sequence[AxisComparison], config: GateConfig, number: int) -> float:
    """How often luck alone brings the abilities as far up; drawn finely enough for what gate `number` asks for."""
    abilities = [one for one in found if one.ability]
    changes = [(config.weight(one.name), config.tolerance(one.name), one.by_document) for one in abilities]
    return luck.p_value(changes, max(config.bootstrap_draws, ceil(2 / promotion_tail(config, number))))


def decide(champion: Evidence, candidate: Evidence, config: GateConfig, number: int = 1) -> Verdict:
    """`number`: which gate of the evolution this is. Raises ValueError unless both saw the same documents."""
    tail = (1 - config.confidence) / 2
    strict = promotion_tail(config, number)
    found = compare(champion, candidate, _draws(config, tail, strict))
    axes = tuple(_axis(one, config, tail) for one in found)
    low, high = np.quantile(_ability(found, config, lambda one: one.draws), [tail, 1 - tail])
    ability = (float(_ability(found, config, lambda one: np.array(one.change))), float(low), float(high))
    significant = _significant(axes, tail)
    broken = list(_broken(candidate, config))
    suspected = [axis.reason("looks") for axis in axes if axis.beyond and axis not in significant]
    worse = [*(axis.reason("is significantly") for axis in significant), *broken]

    def verdict(decision: Literal["promote", "hold", "roll back"], *reasons: str) -> Verdict:
        items, figures = len(champion.held_out), dict(candidate.figures)
        return Verdict(decision=decision, reasons=reasons, axes=axes, items=items, ability=ability, figures=figures)

    up = f"abilities together {ability[0]:+.2f} tolerances [{ability[1]:.2f} to {ability[2]:.2f}]"
    if len(champion.held_out) < config.min_items:
        few = f"{len(champion.held_out)} held-out items, expected at least {config.min_items} to promote on"
        return verdict("roll back" if broken else "hold", f"{few} (gate.min_items)", *worse, *suspected)
    if config.policy == "paper":
        better = ability[0] > 0
        return verdict(
            "promote" if better else "hold", f"{up}: {'the best' if better else 'not above the best'} so far"
        )
    if worse:
        return verdict("roll back", *worse, *suspected)
    if suspected:
        return verdict("hold", *suspected)
    if config.policy == "non-inferiority":
        open_ = [axis for axis in (_axis(one, config, strict) for one in found) if not _within(axis)]
        if open_:
            return verdict("hold", *(axis.reason("may be") for axis in open_))
        return verdict("promote", f"every axis is significantly within its tolerance; {up}")
    chance = by_luck(found, config, number)
    up += f", as much by luck with p = {chance:.2g}"
    if chance > strict or ability[0] < config.min_effect:
        asked = f"expected at least {config.min_effect:g}, with p at most {strict:.2g} at gate {number}"
        return verdict("hold", f"not significantly better: {up}; {asked}")
    gains = [f"{axis.title} {axis.shown[2]} [{axis.shown[3]}]" for axis in axes if axis.ability and axis.low > 0]
    return verdict("promote", f"significantly better: {up}", *gains)


def _draws(config: GateConfig, tail: float, strict: float) -> int:
    """Enough for the smallest p to be significant among all axes, and for the quantiles that are asked for.

    Of non-inferiority as far as they can be drawn, to gate 49; behind that it asks for a little less than it should.
    """
    finest = strict if config.policy == "non-inferiority" else 1.0
    return max(config.bootstrap_draws, ceil(MOST_AXES / tail), min(ceil(20 / finest), MOST_DRAWS))


def _axis(one: AxisComparison, config: GateConfig, tail: float) -> Axis:
    floor, ceiling = config.tolerated(one.name, one.ability)
    low, high = np.quantile(one.draws, [tail, 1 - tail])
    # The share of draws within the bound, the smaller where there are two; never 0, for there are so many draws.
    sides = [float((one.draws >= floor).sum())] if floor is not None else []
    sides += [float((one.draws <= ceiling).sum())] if ceiling is not None else []
    return Axis(
        name=one.name,
        ability=one.ability,
        champion=one.champion,
        candidate=one.candidate,
        change=one.change,
        low=float(low),
        high=float(high),
        floor=floor,
        ceiling=ceiling,
        p=(min(sides, default=float(len(one.draws))) + 1) / (len(one.draws) + 1),
        items=one.items,
        confidence=round(1 - 2 * tail, 9),
    )


def _significant(axes: Sequence[Axis], level: float) -> list[Axis]:
    """The axes that are beyond their tolerance with all of them taken together (Holm 1979)."""
    two_sided = sum(axis.floor is not None and axis.ceiling is not None for axis in axes)
    found = []
    for i, axis in enumerate(sorted(axes, key=lambda axis: axis.p)):
        if axis.p > level / (len(axes) + two_sided - i):
            break
        found.append(axis)
    return [axis for axis in axes if axis in found]


def _within(axis: Axis) -> bool:
    """Whether the whole interval is within what is tolerated."""
    return (axis.floor is None or axis.low >= axis.floor) and (axis.ceiling is None or axis.high <= axis.ceiling)


def _ability(found: Sequence[AxisComparison], config: GateConfig, of: Callable[[AxisComparison], Numbers]) -> Numbers:
    """The abilities' weighted mean, each in its tolerances."""
    abilities = [one for one in found if one.ability]
    weights = [config.weight(one.name) for one in abilities]
    parts = [w * of(one) / config.tolerance(one.name) for w, one in zip(weights, abilities, strict=True)]
    total: Numbers = np.sum(parts, axis=0) / max(sum(weights), 1e-9)
    return total


def _broken(candidate: Evidence, config: GateConfig) -> Iterable[str]:
    """Figures beyond their bound."""
    for name, most in config.at_most.items():
        if (found := candidate.figures.get(name)) is not None and found > most:
            yield f"{name.replace('_', ' ')} is {found:.3g}, tolerated at most {most:g} (gate.at_most.{name})"
