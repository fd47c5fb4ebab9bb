"""Meta-evaluation of a reviewer: its calibration, how well its scores tell anchors apart, how stable they are.

AUC is the chance that a good anchor scores above a corrupted one of the same source; intervals are by bootstrap over
seeds, since anchors of one seed are no independent looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from statistics import fmean

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.recipe.review import CalibrationConfig, ReviewConfig
from tasks.review import calibration, canaries, constitution
from tasks.review.reviewer import Reviewer
from tasks.store.reviews import TOO_LONG, Anchor, AnchorScore, Signals
from tasks.text.ranks import auc, correlation
from tasks.text.words import length

VERSION = 230 + calibration.VERSION  # 230: canaries' interval is over seeds
DRAWS = 1000
# What the corruptions of a source are compared with.
GOOD = {"human": ("good",), "own": ("own answer", "own right answer")}


class Auc(BaseModel):
    """`n` corrupted anchors against the good ones of their source; `low` and `high` bound 95%."""

    model_config = ConfigDict(frozen=True)
    source: str
    corruption: str
    auc: float
    low: float
    high: float
    within_pairs: float  # share of the corrupted ones below the good anchor of their own seed
    n: int


class Quality(BaseModel):
    """`length_correlation` is Spearman's, of score and words over the good anchors; the gap is human minus own.

    The mean is that of the human anchors, which are the same texts in every iteration: own ones are written anew.
    """

    model_config = ConfigDict(frozen=True)
    aucs: tuple[Auc, ...]
    mean_score: float
    ceiling_share: float  # of all anchors, above 9.5
    human_own_gap: float | None
    length_correlation: float | None  # none where all are of one length


@dataclass(frozen=True, kw_only=True)
class MetaEvaluation:
    """`calibration` is none for a score that is asked for, `quality` where no answer was a score.

    `scores` are those of the anchors, out of fold. `retested` is how many of them have a score from both looks,
    `spread` their mean absolute difference.
    """

    calibration: calibration.Calibration | None
    scores: list[AnchorScore]
    quality: Quality | None
    unparsed: int
    canaries: canaries.Shift | None
    retested: int
    spread: float | None


def meta_evaluate(
    anchors: Sequence[Anchor],
    attacked: Sequence[Anchor],
    looks: Sequence[Signals],
    again: Sequence[Signals],
    config: ReviewConfig,
    fitting: CalibrationConfig,
) -> MetaEvaluation:
    """`looks` are at the anchors, then at the attacked; `again` at the first of the anchors a second time.

    No anchor is judged by a calibration that was fitted with its seed.
    """
    at_anchors, at_attacked = looks[: len(anchors)], looks[len(anchors) :]
    fits = [TOO_LONG not in one.names for one in at_anchors]
    seen, at_seen = list(compress(anchors, fits)), list(compress(at_anchors, fits))
    if not seen and config.score == "calibrated":
        raise ValueError("calibration: no anchor has room in engine.context_tokens; raise it, or take shorter seeds")
    fitted = calibration.fit(seen, at_seen, fitting) if config.score == "calibrated" else None
    reviewer = Reviewer(config, constitution.load(), fitted)

    def scores(found: Sequence[Signals]) -> dict[str, float]:
        return {one.item: one.score for one in map(reviewer.review, found) if one.score is not None}

    first = scores(at_anchors)
    differences = [abs(score - first[item]) for item, score in scores(again).items() if item in first]
    if fitted:
        out_of_fold = calibration.out_of_fold(seen, at_seen, reviewer.constitution, fitting)
        first = dict(zip([anchor.id for anchor in seen], out_of_fold, strict=True))
    known = [anchor for anchor in anchors if anchor.id in first]
    return MetaEvaluation(
        calibration=fitted,
        scores=[
            AnchorScore(
                anchor=anchor.id,
                seed=anchor.seed,
                source=anchor.source,
                corruption=anchor.corruption,
                score=first.get(anchor.id),
                parents=(anchor.id,),
            )
            for anchor in anchors
        ],
        quality=quality(known, [first[anchor.id] for anchor in known]) if known else None,
        unparsed=len(anchors) - len(known),
        canaries=canaries.shift(attacked, scores(at_attacked)),
        retested=len(differences),
        spread=fmean(differences) if differences else None,
    )


def quality(anchors: Sequence[Anchor], scores: Sequence[float]) -> Quality:
    """From the anchors that have a score, and those scores."""
    rows = list(zip(anchors, scores, strict=True))
    kinds = dict.fromkeys((a.source, a.corruption) for a in anchors if a.corruption not in GOOD[a.source])
    good = [(a, s) for a, s in rows if a.corruption in GOOD[a.source]]
    means = {source: [s for a, s in good if a.source == source] for source in GOOD}
    lengths = [length(anchor.response) for anchor, _ in good]
    return Quality(
        aucs=tuple(found for source, kind in kinds if (found := _auc(rows, source, kind))),
        mean_score=float(np.mean([s for a, s in rows if a.source == "human"] or scores)),
        ceiling_share=float(np.mean(np.array(scores) > 9.5)),
        human_own_gap=float(np.mean(means["human"]) - np.mean(means["own"])) if all(means.values()) else None,
        length_correlation=correlation(lengths, [s for _, s in good]) if len(set(lengths)) > 1 else None,
    )


def _auc(rows: Sequence[tuple[Anchor, float]], source: str, kind: str) -> Auc | None:
    good_kinds = (
        ("own right answer",) if kind == "own wrong answer" else GOOD[source][:1]
    )  # right and wrong answer the same questions
    good = {a.seed: s for a, s in rows if a.source == source and a.corruption in good_kinds}
    bad = [(a.seed, s) for a, s in rows if a.source == source and a.corruption == kind]
    if not good or not bad:
        return None
    seeds = sorted(good.keys() | {seed for seed, _ in bad})
    by_seed = {seed: ([good[seed]] if seed in good else [], [s for at, s in bad if at == seed]) for seed in seeds}
    chance = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        sample = [by_seed[seeds[i]] for i in chance.integers(len(seeds), size=len(seeds))]
        above, below = [s for g, _ in sample for s in g], [s for _, b in sample for s in b]
        if above and below:
            drawn.append(auc(above, below))
    low, high = np.quantile(drawn, [0.025, 0.975])
    beaten = [s < good[seed] for seed, s in bad if seed in good]
    return Auc(
        source=source,
        corruption=kind,
        auc=auc(list(good.values()), [s for _, s in bad]),
        low=float(low),
        high=float(high),
        within_pairs=float(np.mean(beaten)) if beaten else float("nan"),
        n=len(bad),
    )
