"""Near duplicates over any number of texts: candidates by MinHash-LSH, verified by exact ROUGE-L.

The published scripts compare within a seed's own family only, so that the pool fills with one task in many copies.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rapidfuzz.distance import LCSseq

from tasks.clean.base import Candidate, Field, Rule
from tasks.clean.signatures import Earlier, Signed, earlier
from tasks.recipe.data import CleanConfig
from tasks.store.examples import SftRow
from tasks.store.reviews import Scored
from tasks.store.rows import Rejected, Seed, Written
from tasks.store.selection import column, where


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

    def find(self, number: int, gone: Container[int] = ()) -> tuple[int, float] | None:
        """The earlier text nearest to this one, of those not `gone`, with their ROUGE-L (F) if above the threshold."""
        this, best = self.texts.ids[number], (self.rouge_l_above, -1)
        for other in self._earlier[number]:
            if other not in gone:
                that = self.texts.ids[other]
                words = len(this) + len(that)
                common = LCSseq.similarity(this, that, score_cutoff=int(best[0] * words / 2))
                best = max(best, (2 * common / words, other), key=lambda found: found[0])
        return (best[1], best[0]) if best[1] >= 0 else None


class NearDuplicate(Rule):
    """New instructions against those of the whole pool and each other. Responses wait for their scores: `best`."""

    name = "near duplicate"

    def __init__(self, config: CleanConfig, seeds: Sequence[Seed]):
        self.above, self.seeds = config.near_duplicate_rouge_l, seeds
        self.gone: set[int] = set()

    def begin(self, rows: Sequence[Written], field: Field) -> None:
        if field == "instruction":
            texts = (row.instruction for part in (self.seeds, rows) for row in part)
            self.rows, self.known = rows, NearDuplicates(Signed.of(texts), self.above, first=len(self.seeds))
            self.gone = set(range(len(self.seeds), len(self.seeds) + len(rows)))

    def __call__(self, candidate: Candidate) -> str | None:
        if candidate.is_response:
            return None
        found = self.known.find(len(self.seeds) + candidate.number, self.gone)
        return f"ROUGE-L {found[1]:.2f} with the instruction of {self._row(found[0]).id}" if found else None

    def keep(self, candidate: Candidate) -> None:
        self.gone.discard(len(self.seeds) + candidate.number)

    def _row(self, number: int) -> Seed | Written:
        return self.seeds[number] if number < len(self.seeds) else self.rows[number - len(self.seeds)]


def best(
    rows: Sequence[Written], scored: Scored, pool: Sequence[Seed | SftRow], config: CleanConfig
) -> tuple[Sequence[Written], list[Rejected]]:
    """Of each cluster of near duplicates (instruction and response together) the best-scored; none if the pool has one.

    Rows without a score go: nothing is known of them, and they cannot train.
    """
    scores, names = scored.scores, column(rows, "id")
    rejects = [Rejected.of(row, "unparsed", "no score, so none of it is known") for row in rows if row.id not in scores]
    ranked = sorted((i for i, name in enumerate(names) if name in scores), key=lambda i: (-scores[names[i]], names[i]))
    signed, first = Signed.of(map(_whole, rows)), len(pool)
    known = NearDuplicates(
        Signed.of(map(_whole, pool)) + signed.taken(np.array(ranked, np.int64)), config.near_duplicate_rouge_l, first
    )
    gone, kept = set[int](), [False] * len(rows)
    for number, place in enumerate(ranked, first):
        if found := known.find(number, gone):
            gone.add(number)
            other = pool[found[0]].id if found[0] < first else names[ranked[found[0] - first]]
            rejects.append(Rejected.of(rows[place], "near duplicate", f"ROUGE-L {found[1]:.2f} with {other}"))
        else:
            kept[place] = True
    return where(rows, kept), rejects


def _whole(row: Seed | SftRow | Written) -> str:
    return f"{row.instruction}\n{row.response}"
