"""Texts that hold an item which models are measured on, or the reviewer calibrated with: they must never train.

A hit is a run of words in common with an item, as in the field's n-gram checks, an item's whole instruction if it is
shorter than that, or nearly the same instruction.
"""

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from tasks.clean.base import Candidate, Field, Rule
from tasks.clean.near_duplicate import NearDuplicates
from tasks.clean.signatures import HASHES, NOTHING, Signed
from tasks.recipe.data import CleanConfig
from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.kept import Arrays, Kept
from tasks.store.rows import Rejected, Seed, Written, digest
from tasks.store.tables import where
from tasks.text.word_ids import WordIds, runs
from tasks.text.words import grams, words

Asked = Seed | Written | SftRow | PreferencePair | TrainRow
R = TypeVar("R", Seed, SftRow, PreferencePair)
FEW_HASHES, FROM = 64, 0.85  # texts with such a ROUGE-L have a Jaccard index of 0.63, and meet in 16 bands with 0.94
PART = 10_000  # rows whose runs are made at once
VERSION = 1  # of what is found: what was found otherwise was kept under another name
BEHIND_A_ROW = "\0"
MIN_RUN_WORDS = 5  # "what is the capital of" stands in many an instruction, and with one word more it is an item


class Contamination(Rule):
    name = "contamination"

    def __init__(self, config: CleanConfig, items: Sequence[Seed], kept: Kept = NOTHING):
        self.items, self.above, self.kept = items, config.contamination_rouge_l, kept
        told = [
            config.contamination_rouge_l,
            config.contamination_run_words,
            *((item.id, item.source) for item in items),
        ]
        self.kind = f"contamination {VERSION} {digest(told)}"
        self.hashes = FEW_HASHES if self.above >= FROM else HASHES
        self.asked = Signed.of(map(_asked, items), self.hashes)
        self.runs: dict[tuple[str, ...], str] = {}
        for item in items:
            instruction, most = words(item.instruction), config.contamination_run_words
            # "Can you give me an example?" is an item only behind what was said before it.
            if len(instruction) > (most - 1 if item.history else MIN_RUN_WORDS):
                self.runs |= dict.fromkeys(grams(instruction, min(most, len(instruction))), item.source)
            self.runs |= dict.fromkeys(grams(words(item.response), most), item.source)
        by_length: dict[int, list[str]] = {}
        for run in self.runs:
            by_length.setdefault(len(run), []).append(" ".join(run))
        self.by_length = {n: runs(WordIds.of(found), n)[0] for n, found in sorted(by_length.items())}

    def begin(self, rows: Sequence[Written], field: Field) -> None:
        self.found = self.hits(rows)

    def __call__(self, candidate: Candidate) -> str | None:
        return self.found[candidate.number]

    def hits(self, rows: Sequence[Asked]) -> list[str | None]:
        """Which item was found in each row or before it, and how."""
        hits: list[str | None] = [None] * len(rows)
        for start in range(0, len(rows), PART):
            part = rows[start : start + PART]
            texts = (text for row in part for text in (*row.history, row.instruction, learned_text(row), BEHIND_A_ROW))
            found = self.kept.of(self.kind, texts, partial(self._found, part))
            for place, hit in zip(found["places"].tolist(), found["hits"].tolist(), strict=True):
                hits[start + place] = hit
        return hits

    def _found(self, rows: Sequence[Asked]) -> Arrays:
        runs = self._runs_in(rows)
        said = "“{}” stands in {}, which is only measured on"
        hits = {place: said.format(" ".join(run), self.runs[run]) for place, run in runs.items()}
        asked = Signed.of(map(_asked, rows), self.hashes)
        near = NearDuplicates(self.asked + asked, self.above, len(self.items), within=False)
        for number in range(len(rows)):
            if found := near.find(len(self.items) + number):
                source = self.items[found[0]].source
                hits[number] = f"ROUGE-L {found[1]:.2f} with the instruction of {source}, which is only measured on"
        return {"places": np.array(list(hits), np.int64), "hits": np.array(list(hits.values()), np.str_)}

    def _runs_in(self, rows: Sequence[Asked]) -> dict[int, tuple[str, ...]]:
        """A run of each row that has one, by the row's number: one of the shortest."""
        texts = [(i, text) for i, row in enumerate(rows) for text in (*row.history, row.instruction, learned_text(row))]
        ids, found = WordIds.of(text for _, text in texts), dict[int, tuple[str, ...]]()
        for n, known in self.by_length.items():
            hashes, places = runs(ids, n)
            hits = places[np.isin(hashes, known)]
            for place, number in zip(hits, np.searchsorted(ids.bounds, hits, side="right") - 1, strict=True):
                row, text = texts[number]
                if row not in found:
                    begin = place - ids.bounds[number]
                    run = tuple(words(text)[begin : begin + n])
                    if run in self.runs:  # and not another one with the same hash
                        found[row] = run
        return found

    def rows(self, rows: Sequence[R]) -> tuple[Sequence[R], list[Rejected]]:
        """Rows that may be worked on and trained on, and those that hold an item."""
        hits = self.hits(rows)
        rejects = [
            Rejected(row=row.id, rule=self.name, detail=hit, text=row.instruction, parents=(row.id,))
            for row, hit in zip(rows, hits, strict=True)
            if hit
        ]
        return where(rows, [not hit for hit in hits]), rejects


def _asked(row: Asked) -> str:
    return " ".join((*row.history, row.instruction))


def learned_text(row: Asked) -> str:
    """What is learned from the row: of a pair, the preferred text."""
    return row.chosen if isinstance(row, PreferencePair) else row.response
