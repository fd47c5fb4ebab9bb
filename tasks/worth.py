"""What a reviewer is worth: how well it sees anchors, how stable it is, what it can be talked into; its calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tasks import calibrate, canaries, constitution
from tasks import judge as judging
from tasks.calibration import Calibration
from tasks.config import CalibrationConfig, ReviewConfig
from tasks.graded import Anchor, AnchorScore, Signals
from tasks.review import Reviewer

VERSION = 100 * 2 + 10 * judging.VERSION + calibrate.VERSION  # 2: the scores are kept


@dataclass(frozen=True, kw_only=True)
class Worth:
    """`calibration` is none for a score that is asked for, `judge` where no answer was a score.

    `scores` are those of the anchors, out of fold. `retested` is how many of them have a score from both looks,
    `spread` their mean absolute difference.
    """

    calibration: Calibration | None
    scores: list[AnchorScore]
    judge: judging.Judge | None
    unparsed: int
    canaries: canaries.Shift | None
    retested: int
    spread: float | None


def worth(
    anchors: Sequence[Anchor],
    attacked: Sequence[Anchor],
    looks: Sequence[Signals],
    again: Sequence[Signals],
    config: ReviewConfig,
    calibration: CalibrationConfig,
) -> Worth:
    """`looks` are at the anchors, then at the attacked; `again` at the first of the anchors a second time.

    No anchor is judged by a calibration that was fitted with its seed.
    """
    at_anchors, at_attacked = looks[: len(anchors)], looks[len(anchors) :]
    fitted = calibrate.fit(anchors, at_anchors, calibration) if config.score == "calibrated" else None
    reviewer = Reviewer(config, constitution.load(), fitted)

    def scores(found: Sequence[Signals]) -> dict[str, float]:
        return {one.item: one.score for one in map(reviewer.review, found) if one.score is not None}

    first = scores(at_anchors)
    differences = [abs(score - first[item]) for item, score in scores(again).items() if item in first]
    if fitted:
        out_of_fold = calibrate.out_of_fold(anchors, at_anchors, reviewer.constitution, calibration)
        first = dict(zip([anchor.id for anchor in anchors], out_of_fold, strict=True))
    known = [anchor for anchor in anchors if anchor.id in first]
    return Worth(
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
        judge=judging.judge(known, [first[anchor.id] for anchor in known]) if known else None,
        unparsed=len(anchors) - len(known),
        canaries=canaries.shift(attacked, scores(at_attacked)),
        retested=len(differences),
        spread=fmean(differences) if differences else None,
    )
