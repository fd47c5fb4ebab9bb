"""Many texts' words as numbers: 4 bytes a word, where a list of `str` takes 60 and more."""

import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tasks.text.words import words


class _Numbers(dict[str, int]):
    """CRC-32 of a word: the same in every process. Two given words share one in 4 thousand million."""

    def __missing__(self, word: str) -> int:
        number = self[word] = zlib.crc32(word.encode(errors="surrogatepass"))
        return number


@dataclass(frozen=True)
class WordIds:
    """`flat` holds all texts' words, one text behind the other; `bounds` where each begins, and the end."""

    flat: NDArray[np.uint32]  # [words]
    bounds: NDArray[np.int64]  # [texts + 1]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        numbers, flat, lengths = _Numbers(), array("I"), array("q", [0])
        for text in texts:
            before = len(flat)
            flat.extend(map(numbers.__getitem__, words(text)))
            lengths.append(len(flat) - before)
        return cls(np.array(flat, dtype=np.uint32), np.array(list(accumulate(lengths)), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, number: int) -> list[int]:
        found: list[int] = self.flat[self.bounds[number] : self.bounds[number + 1]].tolist()
        return found

    def __add__(self, other: "WordIds") -> "WordIds":
        flat = np.concatenate([self.flat, other.flat])
        return WordIds(flat, np.concatenate([self.bounds, other.bounds[1:] + self.bounds[-1]]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[texts]"""
        return np.diff(self.bounds)

    def taken(self, places: NDArray[np.int64]) -> "WordIds":
        """Those texts, in this order."""
        lengths = self.lengths[places]
        bounds = np.append(0, np.cumsum(lengths))
        words = np.arange(bounds[-1]) + np.repeat(self.bounds[:-1][places] - bounds[:-1], lengths)
        return WordIds(self.flat[words], bounds)

    def part(self, start: int, stop: int) -> "WordIds":
        bounds = self.bounds[start : stop + 1]
        return WordIds(self.flat[bounds[0] : bounds[-1]], bounds - bounds[0])


def runs(ids: WordIds, n: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A hash of each run of `n` words within one text, and where in `flat` it begins."""
    places = np.arange(max(len(ids.flat) - n + 1, 0))
    ends = np.repeat(ids.bounds[1:], ids.lengths)[: len(places)]
    places = places[places + n <= ends]
    hashes = np.zeros(len(places), np.uint64)
    for i in range(n):
        hashes = (hashes + ids.flat[places + i]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes, places
