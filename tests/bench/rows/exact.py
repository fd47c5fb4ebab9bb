"""Near duplicates as looking at all pairs finds them, on a sample."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from tasks.evolution.ledger import Iteration
from tasks.store.artifacts import Store
from tasks.store.rows import Rejected, Seed, Written
from tasks.text.word_ids import WordIds
from tasks.text.words import rouge_l_f, words

PAIRS = 60_000_000  # that are looked at
QUERIES = 300


@dataclass(frozen=True)
class Agreement:
    """`recall` of `there` planted copies that have a near duplicate before them; `precision` of `looked_at` rejects."""

    recall: float
    there: int
    precision: float
    looked_at: int


def agreement(store: Store, iteration: Iteration, above: float) -> Agreement:
    made = iteration.stages
    rows = store.rows(made["write [instructions]"], Written)
    kept = set(store.rows(made["clean [instructions]"], Written).column("id"))
    rejects = store.rows(made["clean [instructions]"], Rejected, "rejects")
    near = {reject.row: reject.detail for reject in rejects if reject.rule == "near duplicate"}
    known = store.rows(made["pool"], Seed)
    texts = dict(zip(known.column("id"), known.column("instruction"), strict=True))
    count, standing = len(texts), WordIds.of([*texts.values(), *rows.column("instruction")])
    stands = np.array([True] * count + [name in kept for name in rows.column("id")])

    copies = [i for i, row in enumerate(rows) if row.prompt == "copy" and (row.id in kept or row.id in near)]
    queries = copies[:: max(len(copies) // min(QUERIES, PAIRS // len(stands)), 1)]
    known_before = [i for i in queries if _has_one(standing, stands, count + i, above)]
    recall = sum(rows[i].id in near for i in known_before) / len(known_before)

    texts |= dict(zip(rows.column("id"), rows.column("instruction"), strict=True))
    some = list(near.items())[:: max(len(near) // QUERIES, 1)]
    right = [rouge_l_f(words(texts[row]), words(texts[_named(detail)])) > above for row, detail in some]
    return Agreement(recall, len(known_before), sum(right) / len(right), len(right))


def _has_one(texts: WordIds, stands: NDArray[np.bool_], number: int, above: float) -> bool:
    this, lengths = texts[number], texts.lengths[:number]
    alike = 2 * np.minimum(lengths, len(this)) > above * (lengths + len(this))
    for other in np.flatnonzero(alike & stands[:number]).tolist():
        that = texts[other]
        if 2 * LCSseq.similarity(this, that) > above * (len(this) + len(that)):
            return True
    return False


def _named(detail: str) -> str:
    return re.search(r"of (\S+)$", detail)[1]  # type: ignore[index]
