"""Mix: what SFT and DPO are given. Kept rows of this and earlier iterations, a share of human seeds, one of reviews.

Without human text a loop that learns from itself drifts; without reviews in it, a taught reviewer forgets how.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from tasks.recipe.training import MixConfig
from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.rows import Rejected, Seed, text_digest
from tasks.store.tables import Rows, column, some, where

VERSION = 5  # 5: equal texts are rejects


def mix(
    written: Sequence[SftRow], human: Sequence[Seed], skill: Sequence[TrainRow], config: MixConfig
) -> tuple[Sequence[TrainRow], Sequence[Rejected]]:
    """The rows, each text once, and what there was no room for. Shares are of the whole.

    The human share is a minimum: where there are too few seeds for it, the lowest-scored written rows stay out, and
    those that a rule let pass last.
    """
    if config.human_share == 1:
        return [TrainRow.of(seed) for seed in human], []
    own_share = 1 - config.human_share - config.skill_share
    room = len(human) * own_share / config.human_share if config.human_share else math.inf
    once = _once(written)
    there = set(once)
    again = [i not in there for i in range(len(written))]
    most = int(min(room, len(once)))
    scores, names = column(written, "score"), column(written, "id")
    ranked = sorted(once, key=lambda i: (-_value(scores[i]), names[i]))
    best, rest = ([i in places for i in range(len(written))] for places in (set(ranked[:most]), set(ranked[most:])))
    detail = f"{len(human)} human rows are mix.human_share {config.human_share:g} with {most} written ones at most"
    rejects = chain(
        (_out(row, "duplicate", "the texts of another row") for row in where(written, again)),
        (_out(row, "human share", detail) for row in where(written, rest)),
    )
    whole = sum(best) / own_share
    chosen = some(human, math.ceil(config.human_share * whole))
    reviews = some(skill, math.ceil(config.skill_share * whole))
    kept = chain(map(TrainRow.of, where(written, best)), map(TrainRow.of, chosen), reviews)
    return Rows.of(TrainRow, kept), Rows.of(Rejected, rejects)


def _out(row: SftRow, rule: str, detail: str) -> Rejected:
    return Rejected(row=row.id, rule=rule, detail=detail, text=row.response, parents=(row.id,))


def _once(rows: Sequence[SftRow]) -> list[int]:
    """Where each text stands last."""
    of_text = {text_digest(*row.history, row.instruction, row.response): i for i, row in enumerate(rows)}
    return list(of_text.values())


def _value(score: float | None) -> float:
    return math.inf if score is None else score


def preferences(
    pairs: Sequence[PreferencePair], per_prompt: int, per_question: int
) -> tuple[Sequence[PreferencePair], list[Rejected]]:
    """Pairs of all iterations, oldest first, none twice; of a prompt the newest.

    At most `per_prompt` of a prompt by scores, and `per_question` by rules. No text is preferred in one pair and
    rejected in another of the same prompt: the newer one holds.
    """
    prompts = [text_digest(*pair.history, pair.instruction) for pair in pairs]
    often, kept = Counter(prompts), [True] * len(pairs)
    rejects: list[Rejected] = []
    by_prompt: dict[bytes, list[PreferencePair]] = {}
    places = [i for i, prompt in enumerate(prompts) if often[prompt] > 1]  # the others are in nobody's way
    for place in reversed(places):
        pair, beside = pairs[place], by_prompt.setdefault(prompts[place], [])
        most = per_question if pair.by_rules else per_prompt
        if rule := _in_the_way(pair, beside, most):
            rejects.append(Rejected(row=pair.id, rule=rule[0], detail=rule[1], text=pair.rejected, parents=(pair.id,)))
            kept[place] = False
        else:
            beside.append(pair)
    return where(pairs, kept), rejects


def _in_the_way(pair: PreferencePair, newer: Sequence[PreferencePair], most: int) -> tuple[str, str] | None:
    for other in newer:
        if (pair.chosen, pair.rejected) == (other.chosen, other.rejected):
            return "duplicate", f"the same texts as {other.id}"
        if pair.chosen == other.rejected or pair.rejected == other.chosen:
            return "contradiction", f"what it prefers is rejected in {other.id}, or the other way round"
    if sum(other.by_rules == pair.by_rules for other in newer) >= most:
        key = "verify.pairs_per_question" if pair.by_rules else "annotate.pairs_per_prompt"
        return "enough pairs", f"{key} is {most}, and newer ones are there"
    return None
