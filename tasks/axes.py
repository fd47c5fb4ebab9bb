"""Axes: what two models are compared on, each with its bootstrap draws, from what was measured of both.

Draws are paired: both models on the same documents each time, and axes over the same documents together. Abilities make
the case for a promotion; health axes only speak against it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tasks.benchmarks import ItemScore
from tasks.graded import AnchorScore
from tasks.records import Measured
from tasks.text import grams, is_refusal, repeated_share, words

Numbers = NDArray[np.float64]
CHUNK = 500  # draws at a time where each has a row of its own for all word pairs


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that was measured of one model. `figures` are single numbers: nothing to draw from, only to bound."""

    held_out: Sequence[Measured]
    scores: Sequence[ItemScore] = ()
    anchors: Sequence[AnchorScore] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """One axis: both models' values, the change (a ratio for `length`), and the change in each draw."""

    name: str
    ability: bool
    champion: float
    candidate: float
    change: float
    draws: Numbers
    items: int


class Pairs:
    """Rows of two models by document, in one order, and the draws over the documents; ValueError if they differ."""

    def __init__(self, what: str, champion: Mapping[str, object], candidate: Mapping[str, object], draws: int):
        if set(champion) != set(candidate) or not champion:
            raise ValueError(f"gate: {what}: champion measured on {len(champion)} items, candidate on {len(candidate)}")
        self.items = sorted(champion)
        size = len(self.items)
        self.draws = np.random.default_rng(0).integers(size, size=(draws, size))
        self.shares = np.stack([np.bincount(draw, minlength=size) for draw in self.draws]) / size  # [draws, items]

    def mean(self, name: str, ability: bool, before: Sequence[float], after: Sequence[float]) -> Compared:
        b, a = np.array(before, dtype=float), np.array(after, dtype=float)
        change = float(a.mean() - b.mean())
        return Compared(name, ability, float(b.mean()), float(a.mean()), change, self.shares @ (a - b), len(b))

    def ratio(self, name: str, before: Sequence[float], after: Sequence[float]) -> Compared:
        """Of means; one below 1 counts as 1: a model that said nothing has no ratio."""
        b, a = np.array(before, dtype=float), np.array(after, dtype=float)
        drawn = np.maximum(self.shares @ a, 1) / np.maximum(self.shares @ b, 1)
        change = max(float(a.mean()), 1) / max(float(b.mean()), 1)
        return Compared(name, False, float(b.mean()), float(a.mean()), change, drawn, len(b))

    def variety(self, before: Sequence[str], after: Sequence[str]) -> Compared:
        """Distinct word pairs over all word pairs (Li et al. 2016) of each draw's responses taken together."""
        b, a = (self._distinct(texts) for texts in (before, after))
        return Compared("distinct_2", False, b[0], a[0], a[0] - b[0], a[1] - b[1], len(self.items))

    def _distinct(self, texts: Sequence[str]) -> tuple[float, Numbers]:
        found = [grams(words(text), 2) for text in texts]
        number = {gram: i for i, gram in enumerate(dict.fromkeys(gram for text in found for gram in text))}
        if not number:
            return 0.0, np.zeros(len(self.draws))
        stands_in = np.zeros((len(texts), len(number)), dtype=np.float32)
        for row, text in zip(stands_in, found, strict=True):
            row[[number[gram] for gram in text]] = 1
        counts, times = np.array([len(text) for text in found]), self.shares * len(texts)
        drawn = (times > 0).astype(np.float32)
        # As many as there are different documents in a draw, and each counted as often as it was drawn: one that stands
        # twice has nothing new, so a draw's share is lower than the whole's, for both models alike.
        distinct = np.concatenate(
            [(drawn[i : i + CHUNK] @ stands_in > 0).sum(axis=1) for i in range(0, len(drawn), CHUNK)]
        )
        return len(number) / counts.sum(), distinct / np.maximum(times @ counts, 1)


def compare(champion: Evidence, candidate: Evidence, draws: int) -> list[Compared]:
    """Raises ValueError unless both were measured on the same documents."""
    both = (champion, candidate)
    found = _held_out(*both, draws)
    for name in dict.fromkeys(row.benchmark for row in (*champion.scores, *candidate.scores)):
        before, after = ({row.item: row.value for row in one.scores if row.benchmark == name} for one in both)
        pairs = Pairs(f"benchmark {name}", before, after, draws)
        values = ([before[i] for i in pairs.items], [after[i] for i in pairs.items])
        found.insert(-len(HEALTH), pairs.mean(name, True, *values))
    if champion.anchors and candidate.anchors:
        found += _judge(*both, draws)
    return found


HEALTH: dict[str, Callable[[Measured], float]] = {
    "length": lambda row: float(len(words(row.response))),
    "distinct_2": lambda row: 0.0,  # of all responses together
    "refusals": lambda row: float(is_refusal(row.response)),
    "repetition": lambda row: repeated_share(row.response),
    "off_language": lambda row: float(row.off_language),
}


def _held_out(champion: Evidence, candidate: Evidence, draws: int) -> list[Compared]:
    before, after = ({row.item: row for row in one.held_out} for one in (champion, candidate))
    pairs = Pairs("held-out seeds", before, after, draws)
    rows = [before[i] for i in pairs.items], [after[i] for i in pairs.items]

    def of(value: Callable[[Measured], float]) -> tuple[list[float], list[float]]:
        return [value(row) for row in rows[0]], [value(row) for row in rows[1]]

    found = [
        pairs.mean("log_likelihood", True, *of(lambda row: row.log_likelihood)),
        pairs.mean("preference", True, *of(preference)),
    ]
    for name, value in HEALTH.items():
        match name:
            case "length":
                found.append(pairs.ratio(name, *of(value)))
            case "distinct_2":
                found.append(pairs.variety([row.response for row in rows[0]], [row.response for row in rows[1]]))
            case _:
                found.append(pairs.mean(name, False, *of(value)))
    return found


def preference(row: Measured) -> float:
    """Share of the corruptions that the model finds less likely than the good response; 0.5 if there are none."""
    beaten = [row.log_likelihood > corrupted for corrupted in row.corrupted_log_likelihoods]
    return sum(beaten) / len(beaten) if beaten else 0.5


def _judge(champion: Evidence, candidate: Evidence, draws: int) -> list[Compared]:
    """As reviewers, on the human anchors, drawn by seed: their mean score, and their AUC over all corruptions."""
    by_model = [
        {row.anchor: row for row in one.anchors if row.source == "human" and row.score is not None}
        for one in (champion, candidate)
    ]
    known = sorted(by_model[0].keys() & by_model[1].keys())
    seeds = dict.fromkeys(by_model[0][anchor].seed for anchor in known)
    if not seeds:
        return []
    pairs = Pairs("anchors", seeds, seeds, draws)
    of_seed = np.array([pairs.items.index(by_model[0][anchor].seed) for anchor in known])
    good = np.array([by_model[0][anchor].corruption == "good" for anchor in known])
    scores = [np.array([rows[anchor].score or 0.0 for anchor in known]) for rows in by_model]
    times = (pairs.shares * len(seeds))[:, of_seed]  # [draws, anchors]
    means = [(times @ score) / np.maximum(times.sum(axis=1), 1) for score in scores]
    found = [_of_seeds("judge_score", [float(s.mean()) for s in scores], means, len(seeds))]
    if good.any() and not good.all():
        areas = [_areas(score, good, np.vstack([np.ones(len(known)), times])) for score in scores]
        found.append(_of_seeds("judge_auc", [float(a[0]) for a in areas], [a[1:] for a in areas], len(seeds)))
    return found


def _of_seeds(name: str, values: Sequence[float], drawn: Sequence[Numbers], seeds: int) -> Compared:
    return Compared(name, False, values[0], values[1], values[1] - values[0], drawn[1] - drawn[0], seeds)


def _areas(scores: Numbers, good: NDArray[np.bool_], times: Numbers) -> Numbers:
    """Area under the ROC curve in each draw: the share of its pairs, good and corrupted, in their order; ties half."""
    above = (np.sign(np.subtract.outer(scores[good], scores[~good])) + 1) / 2
    of_good, of_bad = times[:, good], times[:, ~good]
    pairs = of_good.sum(axis=1) * of_bad.sum(axis=1)
    found: Numbers = np.where(pairs > 0, ((of_good @ above) * of_bad).sum(axis=1) / np.maximum(pairs, 1), 0.5)
    return found
