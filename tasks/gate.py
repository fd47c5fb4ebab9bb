"""Gate: from two measured models to a verdict, promote or hold, with its reasons. A pure function of rows and policy.

Each axis is a difference, candidate minus champion, over the same items; its 95% interval is a paired bootstrap over
items. Promoted is a candidate that is surely better on an ability, and on no axis surely worse beyond its tolerance.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tasks.config import GateConfig
from tasks.records import Measured
from tasks.text import distinct_share, grams, words

VERSION = 2  # 2: a mean length below one word counts as one
Numbers = NDArray[np.float64]


class Axis(BaseModel):
    """One axis: both models, the difference (for `length`: the ratio) and its interval."""

    model_config = ConfigDict(frozen=True)
    name: str
    champion: float
    candidate: float
    change: float
    low: float
    high: float

    @property
    def shown(self) -> tuple[str, str, str, str]:
        """Champion, candidate, change and interval as a person reads them."""
        change = f"x {self.change:.3f}" if self.name == "length" else f"{self.change:+.3f}"
        return f"{self.champion:.3f}", f"{self.candidate:.3f}", change, f"{self.low:.3f} to {self.high:.3f}"


class Verdict(BaseModel):
    model_config = ConfigDict(frozen=True)
    decision: Literal["promote", "hold"]
    reasons: tuple[str, ...]
    axes: tuple[Axis, ...] = ()
    items: int = 0


def held(reasons: Sequence[str]) -> Verdict:
    """The verdict on an iteration that came to no candidate."""
    return Verdict(decision="hold", reasons=tuple(reasons))


def decide(champion: Sequence[Measured], candidate: Sequence[Measured], config: GateConfig) -> Verdict:
    """Raises ValueError unless both were measured on the same items."""
    before = {row.item: row for row in champion}
    after = {row.item: row for row in candidate}
    if set(before) != set(after) or not before:
        raise ValueError(f"gate: champion measured on {len(before)} items, candidate on {len(after)} others")
    pairs = [(before[item], after[item]) for item in sorted(before)]
    axes = _axes([b for b, _ in pairs], [a for _, a in pairs], config)
    worse = [reason for axis in axes if (reason := _worse(axis, config))]
    better = [
        f"{axis.name.replace('_', ' ')} is up by {axis.change:.3f} [{axis.low:.3f}, {axis.high:.3f}]"
        for axis in axes[:2]
        if axis.low > 0
    ]
    if len(pairs) < config.min_items:
        few = f"{len(pairs)} held-out items, expected at least {config.min_items} to promote on (gate.min_items)"
        return Verdict(decision="hold", reasons=(few, *worse), axes=axes, items=len(pairs))
    if worse:
        return Verdict(decision="hold", reasons=tuple(worse), axes=axes, items=len(pairs))
    if not better:
        none = f"no ability is surely up: the intervals of log-likelihood and preference reach 0 ({len(pairs)} items)"
        return Verdict(decision="hold", reasons=(none,), axes=axes, items=len(pairs))
    return Verdict(decision="promote", reasons=tuple(better), axes=axes, items=len(pairs))


def _axes(champion: Sequence[Measured], candidate: Sequence[Measured], config: GateConfig) -> tuple[Axis, ...]:
    draws = np.random.default_rng(0).integers(len(champion), size=(config.bootstrap_draws, len(champion)))

    def paired(name: str, of: Callable[[Measured], float], ratio: bool = False) -> Axis:
        before, after = (np.array([of(row) for row in rows]) for rows in (champion, candidate))
        means = before[draws].mean(axis=1), after[draws].mean(axis=1)
        # A mean below one word counts as one: a model that said nothing has no ratio.
        changes = np.maximum(means[1], 1) / np.maximum(means[0], 1) if ratio else means[1] - means[0]
        b, a = float(before.mean()), float(after.mean())
        return _axis(name, b, a, max(a, 1) / max(b, 1) if ratio else a - b, changes)

    def _axis(name: str, before: float, after: float, change: float, changes: Numbers) -> Axis:
        tail = (1 - config.confidence) / 2
        low, high = np.quantile(changes, [tail, 1 - tail])
        return Axis(name=name, champion=before, candidate=after, change=change, low=float(low), high=float(high))

    def variety() -> Axis:
        # Not a mean over items: each draw's responses are taken together. Fewer draws, for they are slow.
        texts = [[grams(words(row.response), 2) for row in rows] for rows in (champion, candidate)]
        b, a = (distinct_share(text) for text in texts)
        drawn = [[distinct_share([text[i] for i in draw]) for text in texts] for draw in draws[:500]]
        changes = np.array([after - before for before, after in drawn])
        return _axis("distinct_2", b, a, a - b, changes)

    return (
        paired("log_likelihood", lambda row: row.log_likelihood),
        paired("preference", preference),
        paired("length", lambda row: float(len(words(row.response))), ratio=True),
        variety(),
    )


def preference(row: Measured) -> float:
    """Share of the corruptions that the model finds less likely than the good response; 0.5 if there are none."""
    beaten = [row.log_likelihood > corrupted for corrupted in row.corrupted_log_likelihoods]
    return sum(beaten) / len(beaten) if beaten else 0.5


def _worse(axis: Axis, config: GateConfig) -> str | None:
    """The reason if the whole interval lies beyond the axis's tolerance."""
    shown = f"{axis.change:.3f} [{axis.low:.3f}, {axis.high:.3f}]"
    shortest, longest = config.length_ratio
    match axis.name:
        case "length" if axis.high < shortest or axis.low > longest:
            return f"responses are {shown} times as long, expected between {shortest:g} and {longest:g}"
        case "log_likelihood" if axis.high < -config.max_log_likelihood_loss:
            return f"log-likelihood is down: {shown} nats a token, tolerated {-config.max_log_likelihood_loss:g}"
        case "preference" if axis.high < -config.max_preference_loss:
            return f"preference accuracy is down: {shown}, tolerated {-config.max_preference_loss:g}"
        case "distinct_2" if axis.high < -config.max_distinct_2_loss:
            return f"responses have lost variety: distinct-2 {shown}, tolerated {-config.max_distinct_2_loss:g}"
        case _:
            return None
