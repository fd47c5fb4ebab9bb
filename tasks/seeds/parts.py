"""Seeds to work on, to measure on, and to calibrate the reviewer with: which is which depends on their text alone.

parts = divide(found.seeds, held_out_share=0.2, anchor_share=0.2)
"""

import hashlib
import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.store.rows import Seed
from tasks.store.tables import column, where
from tasks.text.words import normalised


@dataclass(frozen=True)
class Parts:
    """Seeds to work on, to measure on, and to calibrate the reviewer with, each in the given order."""

    pool: Sequence[Seed]
    held_out: Sequence[Seed]
    anchors: Sequence[Seed]


def divide(
    seeds: Sequence[Seed],
    held_out_share: float,
    anchor_share: float,
    *,
    held_out_most: int = sys.maxsize,
    anchors_most: int = sys.maxsize,
) -> Parts:
    """By the SHA-256 of an instruction's normalised text as a number in [0, 1): held out below the first share, anchors
    in the next, the rest is the pool.

    So the choice depends on neither order nor run, seeds with the same instruction stay together, and a set that grows
    keeps what it held out. Where a part with a share would be empty, it gets the instruction next to its place, if
    there are as many different ones as parts; the pool is served first, then what is held out. Only such a seed changes
    sides, and, where a set grows beyond the most that is held out or calibrates, those that new ones push out of it.
    """
    numbers = list(map(_number, column(seeds, "instruction")))
    distinct = sorted(set(numbers))
    shares = [share for share in (held_out_share, anchor_share) if share]
    if len(distinct) <= len(shares):
        anchor_share, shares = 0.0, shares[:1] if held_out_share else []
    if len(distinct) <= len(shares):
        held_out_share, shares = 0.0, []
    edges = [bisect_left(distinct, held_out_share), bisect_left(distinct, held_out_share + anchor_share)]
    edges[0] = min(max(edges[0], held_out_share > 0), len(distinct) - 1 - (anchor_share > 0))
    edges[1] = min(max(edges[1], edges[0] + (anchor_share > 0)), len(distinct) - 1)
    held_out = set(distinct[: min(edges[0], held_out_most)])
    anchors = set(distinct[edges[0] : min(edges[1], edges[0] + anchors_most)])
    set_aside = held_out | anchors
    return Parts(
        pool=where(seeds, [number not in set_aside for number in numbers]),
        held_out=where(seeds, [number in held_out for number in numbers]),
        anchors=where(seeds, [number in anchors for number in numbers]),
    )


def _number(instruction: str) -> float:
    return int.from_bytes(hashlib.sha256(normalised(instruction).encode()).digest()[:6]) / 2**48
