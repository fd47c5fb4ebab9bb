"""Comparison of two models: axes, each with its bootstrap draws, from what was measured of both.

Draws are paired: both models on the same documents each time, and axes over the same documents together. Abilities make
the case for a promotion; health axes only speak against it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate import health
from tasks.evaluate.evidence import Evidence, preference, relevance
from tasks.store.reviews import AnchorScore
from tasks.store.rows import Measured
from tasks.text.ranks import auc
from tasks.verify.questions.panels import CONSTRAINTS

Numbers = NDArray[np.float64]
AT_ONCE = 500  # draws


@dataclass(frozen=True)
class AxisComparison:
    """One axis: both models' values, the change (a ratio for `length`), and the change in each draw."""

    name: str
    ability: bool
    champion: float
    candidate: float
    change: float
    draws: Numbers
    items: int
    by_document: Mapping[str, float] = field(default_factory=dict)  # the change, where it is a mean over documents


@lru_cache(maxsize=8)
def _drawn(items: int, draws: int) -> NDArray[np.uint8]:
    """[draws, items] How often each item is in each draw. Kept: it is the same for all axes over so many items."""
    chance = np.random.default_rng(0)  # one draw at a time: as whole numbers all of 14,000 items are 1 GB
    found = np.empty((draws, items), dtype=np.uint8)
    for draw in found:
        draw[:] = np.bincount(chance.integers(items, size=items), minlength=items)
    return found


class PairedItems:
    """Rows of two models by document, in one order, and the draws over the documents; ValueError if they differ."""

    def __init__(self, what: str, champion: Mapping[str, object], candidate: Mapping[str, object], draws: int):
        if set(champion) != set(candidate) or not champion:
            raise ValueError(f"gate: {what}: champion measured on {len(champion)} items, candidate on {len(candidate)}")
        self.items = sorted(champion)
        self.drawn = _drawn(len(self.items), draws)

    def means(self, values: Numbers) -> Numbers:
        """[draws] Of the values, in each draw; as shares a few draws at a time, for those of 14,000 items are 1 GB."""
        starts = range(0, len(self.drawn), AT_ONCE)
        return np.concatenate([self.drawn[at : at + AT_ONCE] / len(self.items) @ values for at in starts])

    def mean(
        self, name: str, ability: bool, before: Sequence[float] | Numbers, after: Sequence[float] | Numbers
    ) -> AxisComparison:
        b, a = np.array(before, dtype=float), np.array(after, dtype=float)
        change, by_document = float(a.mean() - b.mean()), dict(zip(self.items, (a - b).tolist(), strict=True))
        drawn = self.means(a - b)
        return AxisComparison(name, ability, float(b.mean()), float(a.mean()), change, drawn, len(b), by_document)

    def ratio(self, name: str, before: Numbers, after: Numbers) -> AxisComparison:
        """Of means; one below 1 counts as 1: a model that said nothing has no ratio."""
        b, a = max(float(before.mean()), 1), max(float(after.mean()), 1)
        drawn = np.maximum(self.means(after), 1) / np.maximum(self.means(before), 1)
        return AxisComparison(name, False, float(before.mean()), float(after.mean()), a / b, drawn, len(before))

    def share(self, name: str, before: tuple[Numbers, Numbers], after: tuple[Numbers, Numbers]) -> AxisComparison:
        """Of the first numbers' sum in the second's; 0 of nothing."""
        one = np.full((1, len(self.items)), 1 / len(self.items))
        values = [_over(one @ part, one @ whole)[0] for part, whole in (before, after)]
        drawn = [_over(self.means(part), self.means(whole)) for part, whole in (before, after)]
        b, a = map(float, values)
        return AxisComparison(name, False, b, a, a - b, drawn[1] - drawn[0], len(self.items))


def _over(part: Numbers, whole: Numbers) -> Numbers:
    found: Numbers = part / np.where(whole > 0, whole, 1)
    return found


def compare(champion: Evidence, candidate: Evidence, draws: int) -> list[AxisComparison]:
    """Raises ValueError unless both were measured on the same documents."""
    both = (champion, candidate)
    abilities, reading = _held_out(*both, draws)
    for name in dict.fromkeys(row.benchmark for row in (*champion.scores, *candidate.scores)):
        before, after = ({row.item: row.value for row in one.scores if row.benchmark == name} for one in both)
        pairs = PairedItems(f"benchmark {name}", before, after, draws)
        values = ([before[i] for i in pairs.items], [after[i] for i in pairs.items])
        abilities.append(pairs.mean(name, True, *values))
    judge = _judge(*both, draws) if champion.anchors and candidate.anchors else []
    return [*abilities, *reading, *_panel_replies(*both, draws), *judge]


def _panel_replies(champion: Evidence, candidate: Evidence, draws: int) -> list[AxisComparison]:
    """The same reply to many instructions: `<<so>> so?` to all of them meets two constraints of five."""
    of_champion, of_candidate = (
        {row.item: row.response or "" for row in of.scores if row.benchmark in CONSTRAINTS}
        for of in (champion, candidate)
    )
    if not of_champion and not of_candidate:
        return []
    pairs = PairedItems("panels of instructions", of_champion, of_candidate, draws)
    before, after = (
        list(map(float, health.duplicates([replies[item] for item in pairs.items])))
        for replies in (of_champion, of_candidate)
    )
    return [pairs.mean("panel_duplicates", False, before, after)]


def _held_out(champion: Evidence, candidate: Evidence, draws: int) -> tuple[list[AxisComparison], list[AxisComparison]]:
    """Abilities and health."""
    before, after = ({row.item: row for row in one.held_out} for one in (champion, candidate))
    pairs = PairedItems("held-out seeds", before, after, draws)
    rows = [before[i] for i in pairs.items], [after[i] for i in pairs.items]
    b, a = (health.columns(of_one) for of_one in rows)

    def of(value: Callable[[Measured], float]) -> tuple[list[float], list[float]]:
        return [value(row) for row in rows[0]], [value(row) for row in rows[1]]

    abilities = [
        pairs.mean("log_likelihood", True, *of(lambda row: row.log_likelihood)),
        pairs.mean("preference", True, *of(preference)),
    ]
    found = [
        pairs.mean("relevance", False, *of(relevance)),
        pairs.ratio("length", b["length"], a["length"]),
        pairs.share("distinct_2", (b["new_pairs"], b["pairs"]), (a["new_pairs"], a["pairs"])),
    ]
    return abilities, found + [pairs.mean(name, False, b[name], a[name]) for name in health.MEANS]


def _judge(champion: Evidence, candidate: Evidence, draws: int) -> list[AxisComparison]:
    """As reviewers, on the human anchors, by seed: the mean score, and the AUC of its good texts over its corrupted.

    Within a seed: over the anchors of all seeds together, where seeds differ more than texts, the same fault was half
    as large and as unsure.
    """
    by_model = [
        {row.anchor: row for row in one.anchors if row.source == "human" and row.score is not None}
        for one in (champion, candidate)
    ]
    known = by_model[0].keys() & by_model[1].keys()
    scored = [_by_seed([rows[anchor] for anchor in sorted(known)]) for rows in by_model]
    found = []
    for name, value in (("judge_score", _mean_score), ("judge_auc", _auc)):
        before, after = ({seed: v for seed, rows in one.items() if (v := value(rows)) is not None} for one in scored)
        if before:
            pairs = PairedItems("anchors", before, after, draws)
            found.append(pairs.mean(name, False, [before[i] for i in pairs.items], [after[i] for i in pairs.items]))
    return found


def _by_seed(rows: Sequence[AnchorScore]) -> dict[str, list[AnchorScore]]:
    found: dict[str, list[AnchorScore]] = {}
    for row in rows:
        found.setdefault(row.seed, []).append(row)
    return found


def _mean_score(rows: Sequence[AnchorScore]) -> float:
    return float(np.mean([row.score for row in rows]))


def _auc(rows: Sequence[AnchorScore]) -> float | None:
    """Share of a seed's pairs, good and corrupted, that are in their order; ties half."""
    good = [row.score or 0.0 for row in rows if row.corruption == "good"]
    bad = [row.score or 0.0 for row in rows if row.corruption != "good"]
    return auc(good, bad) if good and bad else None
