"""Mix: what SFT and DPO are given. Kept rows of this and earlier iterations, a share of human seeds, one of reviews.

Without human text a loop that learns from itself drifts; without reviews in it, a taught reviewer forgets how.
"""

import math
from collections.abc import Sequence

from tasks.recipe.training import MixConfig
from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.rows import Rejected, Seed, some

VERSION = 4  # 4: the record counts rows that hold an item which models are measured on


def mix(
    written: Sequence[SftRow], human: Sequence[Seed], skill: Sequence[TrainRow], config: MixConfig
) -> tuple[list[TrainRow], list[Rejected]]:
    """The rows, each text once, and what there was no room for. Shares are of the whole.

    The human share is a minimum: where there are too few seeds for it, the lowest-scored written rows stay out, and
    those that a rule let pass last.
    """
    if config.human_share == 1:
        return [TrainRow.of(seed) for seed in human], []
    if config.human_share and not human:
        raise ValueError(
            f"mix.human_share is {config.human_share:g} and there is no human row in the pool: set it to 0"
        )
    of_text = {(*row.history, row.instruction, row.response): row for row in written}
    own_share = 1 - config.human_share - config.skill_share
    room = len(human) * own_share / config.human_share if config.human_share else math.inf
    most = int(min(room, len(of_text)))
    best = {row.id for row in sorted(of_text.values(), key=lambda row: (-_value(row), row.id))[:most]}
    kept = [TrainRow.of(row) for row in of_text.values() if row.id in best]
    detail = f"{len(human)} human rows are mix.human_share {config.human_share:g} with {most} written ones at most"
    rejects = [
        Rejected(row=row.id, rule="human share", detail=detail, text=row.response, parents=(row.id,))
        for row in of_text.values()
        if row.id not in best
    ]
    whole = len(kept) / own_share
    chosen = [TrainRow.of(seed) for seed in some(human, math.ceil(config.human_share * whole))]
    return [*kept, *chosen, *some(skill, math.ceil(config.skill_share * whole))], rejects


def _value(row: SftRow) -> float:
    return math.inf if row.score is None else row.score


def preferences(pairs: Sequence[PreferencePair], per_prompt: int) -> tuple[list[PreferencePair], list[Rejected]]:
    """Pairs of all iterations, oldest first: at most `per_prompt` of a prompt, the newest, none twice.

    No text is preferred in one pair and rejected in another of the same prompt: the newer one holds.
    """
    kept: list[PreferencePair] = []
    rejects: list[Rejected] = []
    by_prompt: dict[tuple[str, ...], list[PreferencePair]] = {}
    for pair in reversed(pairs):
        beside = by_prompt.setdefault((*pair.history, pair.instruction), [])
        if rule := _in_the_way(pair, beside, per_prompt):
            rejects.append(Rejected(row=pair.id, rule=rule[0], detail=rule[1], text=pair.rejected, parents=(pair.id,)))
        else:
            beside.append(pair)
            kept.append(pair)
    return kept[::-1], rejects


def _in_the_way(pair: PreferencePair, newer: Sequence[PreferencePair], per_prompt: int) -> tuple[str, str] | None:
    for other in newer:
        if (pair.chosen, pair.rejected) == (other.chosen, other.rejected):
            return "duplicate", f"the same texts as {other.id}"
        if pair.chosen == other.rejected or pair.rejected == other.chosen:
            return "contradiction", f"what it prefers is rejected in {other.id}, or the other way round"
    if len(newer) >= per_prompt:
        return "enough pairs", f"annotate.pairs_per_prompt is {per_prompt}, and newer ones are there"
    return None
