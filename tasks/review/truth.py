"""Truth: whether a reviewer's scores tell right answers from wrong ones, where rules know which is which."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.store.reviews import Scored
from tasks.store.rows import Written
from tasks.store.tables import some
from tasks.store.verified import Verdicts
from tasks.text.ranks import auc

VERSION = 1
DRAWS = 1000
ALL = "all together"


class AgainstTruth(BaseModel):
    """AUC: the chance that a right answer scores above a wrong one to the same question; `low` and `high` bound 95%.

    By bootstrap over questions: answers to one question are no independent looks.
    """

    model_config = ConfigDict(frozen=True)
    about: str
    auc: float
    low: float
    high: float
    questions: int


def looked_at(answers: Sequence[Written], verdicts: Verdicts, most: int) -> list[Written]:
    """At most `most` right answers and as many wrong ones: one of each, of questions that have both."""
    groups: dict[str, tuple[list[Written], list[Written]]] = {}
    for row in answers:
        right, wrong = groups.setdefault(verdicts.question(row).id, ([], []))
        if verdicts.passed(row):
            right.append(row)
        elif verdicts.failed(row):
            wrong.append(row)
    both = [some(right, 1) + some(wrong, 1) for right, wrong in groups.values() if right and wrong]
    first = {two[0].id: two for two in both}
    return [row for one in some([two[0] for two in both], most) for row in first[one.id]]


def against_truth(answers: Sequence[Written], verdicts: Verdicts, scored: Scored) -> list[AgainstTruth]:
    """Of all answers that have a score, and of those to each kind of question by itself, the most asked first."""
    shares: dict[str, list[float]] = {}
    twos: dict[str, list[Written]] = {}
    for row in answers:
        if row in scored:
            twos.setdefault(verdicts.question(row).id, []).append(row)
    for rows in twos.values():
        right, wrong = ([scored.score(row) for row in rows if verdicts.passed(row) == which] for which in (True, False))
        if right and wrong:
            better = auc(right, wrong)
            for about in (ALL, verdicts.question(rows[0]).about):
                shares.setdefault(about, []).append(better)
    found = [_interval(about, of_kind) for about, of_kind in shares.items()]
    return sorted(found, key=lambda one: (-one.questions, one.about))


def _interval(about: str, shares: Sequence[float]) -> AgainstTruth:
    values, chance = np.array(shares), np.random.default_rng(0)
    drawn = values[chance.integers(len(values), size=(DRAWS, len(values)))].mean(axis=1)
    low, high = (float(edge) for edge in np.quantile(drawn, [0.025, 0.975]))
    return AgainstTruth(about=about, auc=float(values.mean()), low=low, high=high, questions=len(values))
