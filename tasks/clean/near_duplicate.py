"""Near duplicates over any number of texts: candidates by MinHash-LSH, verified by exact ROUGE-L.

The published scripts compare within a seed's own family only, so that the pool fills with one task in many copies.
"""

from collections.abc import Iterable, Sequence

from rensa import RMinHash, RMinHashLSH

from tasks.clean.base import Candidate, Rule
from tasks.recipe.data import CleanConfig
from tasks.store.examples import SftRow
from tasks.store.reviews import Scored
from tasks.store.rows import Rejected, Seed, Written
from tasks.text.words import grams, rouge_l_f, words

# 42 bands of 3 over words and 2-grams: texts with 0.7 of their words in common at random places have a Jaccard index of
# about 0.42 and become candidates with probability 0.96; unrelated ones, of about 0.04, with 0.003.
HASHES, BANDS, HASH_SEED = 126, 42, 1


class NearDuplicates:
    """Texts (as words) by name."""

    def __init__(self, rouge_l_above: float):
        self.rouge_l_above = rouge_l_above
        self._index = RMinHashLSH(0.5, HASHES, BANDS)  # the first number is not used where a query only lists bands
        self._texts: list[tuple[str, Sequence[str]]] = []

    def add(self, name: str, tokens: Sequence[str]) -> None:
        if tokens:
            self._index.insert(len(self._texts), _hashes(tokens))
            self._texts.append((name, tokens))

    def find(self, tokens: Sequence[str]) -> tuple[str, float] | None:
        """The text nearest to this one, with their ROUGE-L (F), if there is one above the threshold."""
        if not tokens:
            return None
        candidates = [self._texts[i] for i in self._index.query(_hashes(tokens))]
        found = [(rouge_l_f(tokens, other), name) for name, other in candidates]
        highest, name = max(found, default=(0.0, ""))
        return (name, highest) if highest > self.rouge_l_above else None


class NearDuplicate(Rule):
    """New instructions against those of the whole pool and each other. Responses wait for their scores: `best`."""

    name = "near duplicate"

    def __init__(self, config: CleanConfig, seeds: Sequence[Seed]):
        self.known = NearDuplicates(config.near_duplicate_rouge_l)
        for seed in seeds:
            self.known.add(seed.id, words(seed.instruction))

    def __call__(self, candidate: Candidate) -> str | None:
        found = None if candidate.is_response else self.known.find(candidate.tokens)
        return f"ROUGE-L {found[1]:.2f} with the instruction of {found[0]}" if found else None

    def keep(self, candidate: Candidate) -> None:
        if not candidate.is_response:
            self.known.add(candidate.row.id, candidate.tokens)


def best(
    rows: Sequence[Written], scored: Scored, pool: Iterable[Seed | SftRow], config: CleanConfig
) -> tuple[list[Written], list[Rejected]]:
    """Of each cluster of near duplicates (instruction and response together) the best-scored; none if the pool has one.

    Rows without a score go: nothing is known of them, and they cannot train.
    """
    known = NearDuplicates(config.near_duplicate_rouge_l)
    for seed in pool:
        known.add(seed.id, _whole(seed))
    kept: set[str] = set()
    rejects = [Rejected.of(row, "unparsed", "no score, so none of it is known") for row in rows if row not in scored]
    for row in sorted((row for row in rows if row in scored), key=lambda row: (-scored.score(row), row.id)):
        if found := known.find(_whole(row)):
            rejects.append(Rejected.of(row, "near duplicate", f"ROUGE-L {found[1]:.2f} with {found[0]}"))
        else:
            known.add(row.id, _whole(row))
            kept.add(row.id)
    return [row for row in rows if row.id in kept], rejects


def _whole(row: Seed | SftRow | Written) -> list[str]:
    return words(f"{row.instruction}\n{row.response}")


def _hashes(tokens: Sequence[str]) -> RMinHash:
    found = RMinHash(num_perm=HASHES, seed=HASH_SEED)
    found.update([*tokens, *(" ".join(pair) for pair in grams(list(tokens), 2))])
    return found
