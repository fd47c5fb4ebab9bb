"""MinHash signatures of many texts, and which of them may be near duplicates (Broder 1997; Leskovec et al., Mining of
Massive Datasets, 3.4).

All texts at once, in arrays: a million texts of 67 words are signed in 84 s, in 1.7 GiB (one core with AVX2).
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tasks.store.kept import Arrays, Kept
from tasks.text.word_ids import WordIds

# Of words and pairs of neighbours. Two texts of one length, of which evenly placed words are other ones so that ROUGE-L
# is 0.7, have a Jaccard index of 0.38; most that are as near have more. In bands of 4 such pairs meet with a
# probability of 0.63 (0.99 at 0.55); texts with one sentence of four in common (0.14) with 0.02.
HASHES, ROWS = 192, 4
VERSION = 1  # of words, numbers and hashes: others were kept under another name
NOTHING = Kept()
QUICK = 64  # of the hashes are compared first
MOST = 32  # earlier texts of one band that are looked at: the first ones and the last ones
ENOUGH = 256  # of all bands, one text counted as often as it is met; who has met so many needs no more
CHUNK = 5_000  # texts whose hashes are made at once, so that they stay in the processor's cache
PAIRS = 1_000_000  # that are compared at once


@dataclass(frozen=True)
class Signed:
    """Texts with their signatures."""

    ids: WordIds
    minima: NDArray[np.uint16]  # [texts, hashes] low half of each hash's least value

    @classmethod
    def of(cls, texts: Iterable[str], hashes: int = HASHES, kept: Kept = NOTHING) -> Self:
        """Whole parts of CHUNK texts that were signed before are taken from what was `kept`."""
        left, found = iter(texts), deque[Future[Arrays]]()
        parts: list[Arrays] = []
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # arithmetic on arrays runs beside other threads
            while part := list(islice(left, CHUNK)):
                make = partial(_signed, part, hashes)
                found.append(threads.submit(kept.of, f"signatures {VERSION} {hashes}", part, make))
                if len(found) > 2 * (os.cpu_count() or 1):  # or all texts would be in memory at once
                    parts.append(found.popleft().result())
            parts += (one.result() for one in found)
        return cls(_ids(parts), _minima(parts, hashes))

    def __len__(self) -> int:
        return len(self.ids)

    def taken(self, places: NDArray[np.int64]) -> "Signed":
        """Those texts, in this order."""
        return Signed(self.ids.taken(places), self.minima[places])

    def __add__(self, other: "Signed") -> "Signed":
        return Signed(self.ids + other.ids, np.concatenate([self.minima, other.minima]))


def _signed(texts: Sequence[str], hashes: int) -> Arrays:
    ids = WordIds.of(texts)
    minima = np.zeros((len(ids), hashes), np.uint16)
    _sign(ids, minima)
    return {"flat": ids.flat, "lengths": ids.lengths, "minima": minima}


def _ids(parts: Sequence[Arrays]) -> WordIds:
    flat = np.concatenate([np.empty(0, np.uint32), *(one["flat"] for one in parts)])
    lengths = np.concatenate([np.empty(0, np.int64), *(one["lengths"] for one in parts)])
    return WordIds(flat, np.append(0, np.cumsum(lengths)))


def _minima(parts: Sequence[Arrays], hashes: int) -> NDArray[np.uint16]:
    """Each part's are let go as they are copied: twice all of them would be the peak of a stage's memory."""
    found = np.empty((sum(len(one["lengths"]) for one in parts), hashes), np.uint16)
    start = 0
    for one in parts:
        stop = start + len(one["lengths"])
        found[start:stop] = one.pop("minima")
        start = stop
    return found


def _sign(ids: WordIds, minima: NDArray[np.uint16]) -> None:
    filled = np.flatnonzero(ids.lengths)
    if not len(filled):
        return
    starts, ends = ids.bounds[:-1][filled], ids.bounds[1:][filled] - 1
    after = np.append(ids.flat[1:], np.uint32(0))
    after[ends] = 0  # the last word of a text has none behind it
    one, two = ids.flat, ids.flat * np.uint32(3) + after  # checksums, so spread over all 32 bits
    chance = np.random.default_rng(1)  # the same hashes in every process, or signatures could not be kept
    for k, (times, plus) in enumerate(chance.integers(0, 2**32, (minima.shape[1], 2), np.uint32)):
        least = [np.minimum.reduceat(part * (times | np.uint32(1)) + plus, starts) for part in (one, two)]
        minima[filled, k] = np.minimum(*least).astype(np.uint16)


@dataclass(frozen=True)
class Earlier:
    """Of each text from `first` on, the earlier ones that may be near duplicates of it, in order."""

    first: int
    bounds: NDArray[np.int64]  # [texts - first + 1]
    flat: NDArray[np.int64]

    def __getitem__(self, number: int) -> list[int]:
        place = number - self.first
        found: list[int] = self.flat[self.bounds[place] : self.bounds[place + 1]].tolist()
        return found


def earlier(texts: Signed, first: int, rouge_l_above: float, *, within: bool = True) -> Earlier:
    """Of the texts from `first` on: against all earlier ones, or (not `within`) those before `first` alone."""
    count, hashes = texts.minima.shape
    # What is looked at first as an array of its own: `take` of whole rows is 7 times as fast as of parts of them.
    looks = [*([np.ascontiguousarray(texts.minima[:, :QUICK])] if hashes > QUICK else []), texts.minima]
    least, lengths = _least_jaccard(rouge_l_above), texts.ids.lengths
    met, pairs, waiting = np.zeros(count, np.int64), np.empty(0, np.int64), [np.empty(0, np.int64)]
    for band in range(0, hashes, ROWS):
        keys = np.ascontiguousarray(texts.minima[:, band : band + ROWS]).view(np.uint64).ravel()
        for before, later in _meetings(keys, first, met, within):
            near = _of_like_length(lengths, before, later, rouge_l_above)
            for minima in looks:
                near = _alike(minima, before, later, near, least)
            met += np.bincount(later[near], minlength=count)
            waiting.append(later[near] * count + before[near])
        if band + ROWS == hashes or sum(map(len, waiting)) > 8 * PAIRS:
            pairs, waiting = _distinct(np.concatenate([pairs, *waiting])), []
    bounds = np.searchsorted(pairs, np.arange(first, count + 1) * count)
    return Earlier(first, bounds, pairs % count)


def _meetings(
    keys: NDArray[np.uint64], first: int, met: NDArray[np.int64], within: bool
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Earlier and later texts with the same key, in parts."""
    order = np.argsort(keys, kind="stable")  # within a bucket by number
    place = np.arange(len(keys))
    begins = np.append(True, keys[order][1:] != keys[order][:-1])
    start = np.maximum.accumulate(np.where(begins, place, 0))
    known = np.append(0, np.cumsum(order < first))
    stop = place if within else start + known[place] - known[start]
    asking = np.flatnonzero((order >= first) & (stop > start) & (met[order] < ENOUGH))
    taken = np.minimum(stop - start, MOST)
    for part in np.array_split(asking, taken[asking].sum() // PAIRS + 1):
        counts = taken[part]
        rank = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        from_start, to_stop = np.repeat(start[part], counts) + rank, np.repeat((stop - taken)[part], counts) + rank
        yield order[np.where(rank < MOST // 2, from_start, to_stop)], order[np.repeat(part, counts)]


def _of_like_length(
    lengths: NDArray[np.int64], before: NDArray[np.int64], later: NDArray[np.int64], rouge_l_above: float
) -> NDArray[np.int64]:
    """Places of those pairs that lengths let be near duplicates."""
    one, two = lengths[before], lengths[later]
    return np.flatnonzero(2 * np.minimum(one, two) > rouge_l_above * (one + two))


def _alike(
    minima: NDArray[np.uint16],
    before: NDArray[np.int64],
    later: NDArray[np.int64],
    near: NDArray[np.int64],
    least: float,
) -> NDArray[np.int64]:
    """Those of `near` that signatures let be near duplicates."""
    same = minima.take(before[near], axis=0) == minima.take(later[near], axis=0)
    hashes = minima.shape[1]
    enough = same.sum(axis=1, dtype=np.uint16) >= hashes * (least - 3 * (0.25 / hashes) ** 0.5)
    found: NDArray[np.int64] = near[enough]
    return found


def _distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """In order. `np.unique` hashes them: 0.19 s for 393,000, of which sorting takes 0.007."""
    numbers.sort()
    return numbers[np.diff(numbers, prepend=-1) > 0]


def _least_jaccard(rouge_l: float) -> float:
    """Of texts of one length in which each word that differs takes two pairs of neighbours with it."""
    return max(3 * rouge_l - 1, 0) / (5 - 3 * rouge_l)
