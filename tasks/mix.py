"""Mix: what SFT is given. Kept examples of this and earlier iterations, a share of human seeds, a share of reviews.

Without human text a loop that learns from itself drifts; without reviews in it, a taught reviewer forgets how.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

from tasks.examples import SftRow, TrainRow
from tasks.records import Row, Seed, digest
from tasks.train_config import MixConfig

VERSION = 2  # 2: the seeds alone
R = TypeVar("R", bound=Row)


def mix(
    written: Sequence[SftRow], human: Sequence[Seed], skill: Sequence[TrainRow], config: MixConfig
) -> list[TrainRow]:
    """The rows, each text once. Shares are of the whole; where there are too few rows for one, all are taken."""
    if config.human_share == 1:
        return [TrainRow.of(seed) for seed in human]
    of_text = {(*row.history, row.instruction, row.response): TrainRow.of(row) for row in written}
    whole = len(of_text) / (1 - config.human_share - config.skill_share)
    chosen = [TrainRow.of(seed) for seed in some(human, math.ceil(config.human_share * whole))]
    return [*of_text.values(), *chosen, *some(skill, math.ceil(config.skill_share * whole))]


def some(rows: Sequence[R], count: int) -> list[R]:
    """`count` rows, the same ones whatever their order."""
    return sorted(rows, key=lambda row: digest(row.id))[:count]
