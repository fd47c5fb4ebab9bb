"""Texts that hold an item which models are measured on, or the reviewer calibrated with: they must never train.

A hit is a run of words in common with an item, as in the field's n-gram checks, an item's whole instruction if it is
shorter than that, or nearly the same instruction.
"""

from collections.abc import Sequence
from itertools import chain
from typing import TypeVar

from tasks.clean.base import Candidate, Rule
from tasks.clean.near_duplicate import NearDuplicates
from tasks.recipe.data import CleanConfig
from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.rows import Rejected, Seed, Written
from tasks.text.words import grams, words

Asked = Seed | Written | SftRow | PreferencePair | TrainRow
R = TypeVar("R", Seed, SftRow, PreferencePair)
MIN_RUN_WORDS = 5  # "what is the capital of" stands in many an instruction, and with one word more it is an item


class Contamination(Rule):
    name = "contamination"

    def __init__(self, config: CleanConfig, items: Sequence[Seed]):
        self.instructions = NearDuplicates(config.contamination_rouge_l)
        self.runs: dict[tuple[str, ...], str] = {}
        for item in items:
            instruction, most = words(item.instruction), config.contamination_run_words
            self.instructions.add(item.source, words(" ".join((*item.history, item.instruction))))
            # "Can you give me an example?" is an item only behind what was said before it.
            if len(instruction) > (most - 1 if item.history else MIN_RUN_WORDS):
                self.runs |= dict.fromkeys(grams(instruction, min(most, len(instruction))), item.source)
            self.runs |= dict.fromkeys(grams(words(item.response), most), item.source)
        self.run_lengths = sorted({len(run) for run in self.runs})

    def __call__(self, candidate: Candidate) -> str | None:
        return self.hit(candidate.row)

    def hit(self, row: Asked) -> str | None:
        """Which item was found in this pair or before it, and how."""
        if found := self.instructions.find(words(" ".join((*row.history, row.instruction)))):
            return f"ROUGE-L {found[1]:.2f} with the instruction of {found[0]}, which is only measured on"
        for text in (*row.history, row.instruction, learned_text(row)):
            tokens = words(text)
            for run in chain.from_iterable(grams(tokens, length) for length in self.run_lengths):
                if run in self.runs:
                    return f"“{' '.join(run)}” stands in {self.runs[run]}, which is only measured on"
        return None

    def rows(self, rows: Sequence[R]) -> tuple[list[R], list[Rejected]]:
        """Rows that may be worked on and trained on, and those that hold an item."""
        hits = {row.id: self.hit(row) for row in rows}
        rejects = [
            Rejected(row=row.id, rule=self.name, detail=hit, text=row.instruction, parents=(row.id,))
            for row in rows
            if (hit := hits[row.id])
        ]
        return [row for row in rows if not hits[row.id]], rejects


def learned_text(row: Asked) -> str:
    """What is learned from the row: of a pair, the preferred text."""
    return row.chosen if isinstance(row, PreferencePair) else row.response
