"""Within a family (a seed, and what was written for it): the published ROUGE-L filter, and the same words anywhere."""

from collections.abc import Hashable, Sequence

from tasks.clean.base import Candidate, Field, Rule
from tasks.recipe.data import CleanConfig
from tasks.store.rows import Seed, Written, text_digest
from tasks.text.words import rouge_l, words


class Duplicate(Rule):
    name = "duplicate"

    def __init__(self) -> None:
        self.seen: set[bytes] = set()

    def __call__(self, candidate: Candidate) -> str | None:
        return "the same words as an earlier row" if self._words(candidate) in self.seen else None

    def keep(self, candidate: Candidate) -> None:
        self.seen.add(self._words(candidate))

    def _words(self, candidate: Candidate) -> bytes:
        """A digest, for the words of a million texts would not fit."""
        text = " ".join(candidate.tokens) or candidate.text  # a formula of signs has no words
        return text_digest(text)


class Overlap(Rule):
    """Published: ROUGE-L recall, precision or F above 0.70 against the seed or a sibling."""

    name = "overlap"

    def __init__(self, config: CleanConfig, seeds: Sequence[Seed]):
        self.most, self.seeds = config.max_rouge_l, seeds
        self.families: dict[Hashable, list[str]] = {}

    def begin(self, rows: Sequence[Written], field: Field) -> None:
        there = {row.seed for row in rows}
        for seed in self.seeds:
            if seed.id in there:
                self.families[seed.id] = [seed.instruction]
                self.families[seed.id, seed.instruction] = [seed.response]

    def __call__(self, candidate: Candidate) -> str | None:
        family = self.families.get(self._family(candidate), [])
        highest = max((rouge_l(candidate.tokens, words(other)) for other in family), default=0.0)
        if highest > self.most:
            return f"ROUGE-L {highest:.2f} within its family, expected at most {self.most:g}"
        return None

    def keep(self, candidate: Candidate) -> None:
        self.families.setdefault(self._family(candidate), []).append(candidate.text)

    @staticmethod
    def _family(candidate: Candidate) -> Hashable:
        """A new instruction's is its seed's; a response's is that of the instruction that it answers."""
        row = candidate.row
        return (row.seed, row.instruction) if candidate.is_response else row.seed
