"""Near duplicates over any number of texts: candidates by MinHash-LSH, verified by exact ROUGE-L.

The published scripts compare within a seed's own family only, so that the pool fills with one task in many copies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from rapidfuzz.distance import LCSseq

from tasks.clean.base import Candidate, Field, Rule
from tasks.clean.signatures import NOTHING, Earlier, Signed, earlier
from tasks.recipe.data import CleanConfig
from tasks.store.examples import SftRow
from tasks.store.kept import Kept
from tasks.store.reviews import Scored
from tasks.store.rows import Rejected, Seed, Written
from tasks.store.tables import column, where

NONE: Mapping[int, int | None] = MappingProxyType({})


@dataclass(frozen=True)
class NearDuplicates:
    """Of `texts`, those from `first` on against all earlier ones, or (not `within`) against those before `first`."""

    texts: Signed
    rouge_l_above: float
    first: int = 0
    within: bool = True

    @cached_property
    def _earlier(self) -> Earlier:
        return earlier(self.texts, self.first, self.rouge_l_above, within=self.within)

    def find(self, number: int, gone: Mapping[int, int | None] = NONE) -> tuple[int, float] | None:
        """The earlier text nearest to this one, with their ROUGE-L (F) if above the threshold.

        Of those that are `gone` another one stands, by which they are known, for all texts of a crowd are not looked
        at; None for one that went for another reason.
        """
        this, best = self.texts.ids[number], (self.rouge_l_above, -1)
        earlier = self._earlier[number]
        for other in sorted({stands for one in earlier if (stands := gone.get(one, one)) is not None}):
            that = self.texts.ids[other]
            words = len(this) + len(that)
            common = LCSseq.similarity(this, that, score_cutoff=int(best[0] * words / 2))
            best = max(best, (2 * common / words, other), key=lambda found: found[0])
        return (best[1], best[0]) if best[1] >= 0 else None


class NearDuplicate(Rule):
    """New instructions against those of the whole pool and each other. Responses wait for their scores: `best`."""

    name = "near duplicate"

    def __init__(self, config: CleanConfig, seeds: Sequence[Seed], kept: Kept = NOTHING):
        self.above, self.seeds, self.kept = config.near_duplicate_rouge_l, seeds, kept
        self.gone: dict[int, int | None] = {}

    def begin(self, rows: Sequence[Written], field: Field) -> None:
        if field == "instruction":
            pool, new = (Signed.of(column(part, "instruction"), kept=self.kept) for part in (self.seeds, rows))
            self.known = NearDuplicates(pool + new, self.above, first=len(self.seeds))
            self.names = [*column(self.seeds, "id"), *column(rows, "id")]
            self.gone = dict.fromkeys(range(len(self.seeds), len(self.seeds) + len(rows)))

    def __call__(self, candidate: Candidate) -> str | None:
        if candidate.is_response:
            return None
        number = len(self.seeds) + candidate.number
        found = self.known.find(number, self.gone)
        if not found:
            return None
        self.gone[number] = found[0]
        return f"ROUGE-L {found[1]:.2f} with the instruction of {self.names[found[0]]}"

    def keep(self, candidate: Candidate) -> None:
        self.gone.pop(len(self.seeds) + candidate.number, None)


def best(
    rows: Sequence[Written],
    scored: Scored,
    pool: Sequence[Seed | SftRow],
    config: CleanConfig,
    kept: Kept = NOTHING,
) -> tuple[Sequence[Written], list[Rejected]]:
    """Of each cluster of near duplicates (instruction and response together) the best-scored; none if the pool has one.

    Rows without a score go: nothing is known of them, and they cannot train.
    """
    scores, names = scored.scores, column(rows, "id")
    rejects = [Rejected.of(row, "unparsed", "no score, so none of it is known") for row in rows if row.id not in scores]
    ranked = sorted((i for i, name in enumerate(names) if name in scores), key=lambda i: (-scores[names[i]], names[i]))
    signed, first = Signed.of(map(_whole, rows), kept=kept), len(pool)
    known = NearDuplicates(
        Signed.of(map(_whole, pool), kept=kept) + signed.taken(np.array(ranked, np.int64)),
        config.near_duplicate_rouge_l,
        first,
    )
    there = [*column(pool, "id"), *(names[i] for i in ranked)]
    gone, details, stays = dict[int, int | None](), dict[str, str](), [False] * len(rows)
    for number, place in enumerate(ranked, first):
        if found := known.find(number, gone):
            gone[number] = found[0]
            details[names[place]] = f"ROUGE-L {found[1]:.2f} with {there[found[0]]}"
        else:
            stays[place] = True
    near = where(rows, [name in details for name in names])
    rejects += [Rejected.of(row, "near duplicate", details[row.id]) for row in near]
    return where(rows, stays), rejects


def _whole(row: Seed | SftRow | Written) -> str:
    return f"{row.instruction}\n{row.response}"
