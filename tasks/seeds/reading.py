"""Seed sets: raw rows become seeds; every row that does not, and every repair, leaves a `Rejected` row with its rule.

    found = read(Path("deployments/seeds/everyday.jsonl"), ReadingConfig(), on_row=lambda count: None)
    parts = divide(found.seeds, held_out_share=0.2, anchor_share=0.2)

A seed is one instruction with one response, and the turns before it if there were any, read from one of the FORMS of
`seeds/forms.py`. Text is kept as it is, but for outer white space, line ends (\\r\\n becomes \\n) and NUL characters.
"""

import hashlib
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.recipe.data import ReadingConfig
from tasks.seeds import known
from tasks.seeds.files import RawRow, read_rows, refusal
from tasks.seeds.forms import FORMS, PAIR, Turn, form_of, text_of
from tasks.store.rows import History, Rejected, Seed, text_digest
from tasks.store.tables import Gathering, Rows, column, where
from tasks.store.verified import Asked
from tasks.text.words import extent

DROPS = ("empty", "duplicate", "over_long", "turns", "wrong_check", "measured_on")  # rules that take one row out
REPAIRS = ("byte_order_mark", "nul_bytes", "system_message")  # rules that change a row, which may be dropped later
CUT = "over_max_rows"  # one line for all the rows it left out


@dataclass(frozen=True)
class SeedSet:
    """`rows_read` are the seeds and all rows that a rule took out. `ignored_columns` went into no seed; sorted."""

    rows_read: int
    seeds: Rows[Seed]
    rejects: list[Rejected]
    left_out: int
    ignored_columns: list[str]
    known: dict[str, tuple[Asked, ...]]  # by the seed's id: what any answer has to pass

    @property
    def rejected(self) -> dict[str, int]:
        """Rows that a rule took out, by rule: with the seeds they make up the rows read."""
        rules = Counter(reject.rule for reject in self.rejects if reject.rule in DROPS)
        return dict(sorted(rules.items())) | ({CUT: self.left_out} if self.left_out else {})

    def without(self, measured: Sequence[Seed]) -> "SeedSet":
        """Less the seeds whose instruction, with what was said before, is one that is only measured on."""
        there = {_asked(seed): seed.source for seed in measured}
        same = [there.get(_asked(seed)) for seed in self.seeds]
        both = zip(self.seeds.where([name is not None for name in same]), filter(None, same), strict=True)
        hits = [
            Rejected(row=seed.source, rule="measured_on", detail=f"same instruction as {name}", text=seed.response)
            for seed, name in both
        ]
        return replace(self, seeds=self.seeds.where([name is None for name in same]), rejects=[*self.rejects, *hits])

    @property
    def repaired(self) -> int:
        return sum(reject.rule in REPAIRS for reject in self.rejects)


def read(source: Path, config: ReadingConfig, on_row: Callable[[int], None]) -> SeedSet:
    """The seeds of a file or a folder, in order; `on_row` is told how many rows were read. Raises ValueError.

    With `config.max_rows`, the first that many seeds are taken, and the rows after them only counted.
    """
    reading = _Reading(config)
    count = 0
    for count, row in enumerate(read_rows(source), 1):
        reading.add(row)
        on_row(count)
    if not reading.count:
        rules = ", ".join(f"{number} {rule}" for rule, number in Counter(r.rule for r in reading.rejects).items())
        last = reading.rejects[-1]
        found = f"none in {count} rows ({rules}; the last: {last.row}, {last.detail})"
        raise refusal(source, "at least one usable row", found, "mend the rows or raise the limits in `reading`")
    return SeedSet(
        count,
        reading.seeds.rows(),
        reading.finished_rejects(),
        len(reading.left_out),
        sorted(reading.ignored),
        reading.known,
    )


class _Reading:
    """What came of the rows so far."""

    def __init__(self, config: ReadingConfig):
        self.config = config
        self.seeds, self.count = Gathering(Seed), 0
        self.rejects: list[Rejected] = []
        self.ignored: set[str] = set()
        self.form = FORMS[0]  # of the file that is being read
        self.first: dict[bytes, str] = {}  # digest of normalised texts -> where they stood first
        self.left_out: list[str] = []
        self.known: dict[str, tuple[Asked, ...]] = {}

    def add(self, row: RawRow) -> None:
        if self.count == self.config.max_rows:
            self.left_out.append(row.source)
            return
        row = replace(row, values=_renamed(row.values, self.config.columns))
        if row.row == 1:
            self.form = form_of(row)
        self.ignored |= row.values.keys() - self.form.used - set(known.COLUMNS)
        if row.byte_order_mark:
            self._reject(row.source, "byte_order_mark", "removed from the start of the file")

        turns = list(self.form.turns(row))
        said = [turn for turn in turns if turn.role != "system"]
        roles = [turn.role for turn in said]
        if roles not in (["user"], ["assistant"], [*PAIR] * (len(roles) // 2)):  # one that is missing: empty, below
            detail = f"expected user and assistant in turn, the assistant last, found {', '.join(roles)}"
            self._reject(row.source, "turns", detail, "\n\n".join(f"{t.role}: {t.content}" for t in turns))
            return
        for turn in turns:
            if turn.role == "system":
                self._reject(row.source, "system_message", "removed, the rest kept", text_of(row, turn))
        pair = said[:2] if self.config.turn == "first" else said[-2:]
        texts = dict.fromkeys(PAIR, "") | {turn.role: text_of(row, turn) for turn in pair}
        history = () if self.config.turn == "first" else tuple(text_of(row, turn) for turn in said[:-2])
        if "input" in self.form.used and row.values.get("input") is not None:
            texts["user"] = f"{texts['user'].strip()}\n\n{text_of(row, Turn('user', 'input', row.values['input']))}"
        self._add(row.source, history, texts["user"], texts["assistant"], row.values)

    def _add(
        self, source: str, history: History, instruction: str, response: str, values: Mapping[str, object]
    ) -> None:
        text = "\n\n".join([*history, instruction, response])
        if nuls := text.count("\0"):
            self._reject(source, "nul_bytes", f"{nuls} removed, the rest kept", text)
        *earlier, instruction, response = map(_tidy, (*history, instruction, response))
        words = sum(map(extent, (*earlier, instruction, response)))
        key = text_digest(*map(_normalised, (*earlier, instruction, response)))
        if not instruction or not response or not all(earlier):
            missing = "response" if instruction else "instruction"
            self._reject(source, "empty", "an earlier turn is" if not all(earlier) else f"no {missing}", text)
        elif words > self.config.max_words:
            self._reject(source, "over_long", f"{words} words, at most {self.config.max_words}", text)
        elif key in self.first:
            self._reject(source, "duplicate", f"same as {self.first[key]}", text)
        else:
            try:
                checks = known.checks_of(values, response)
            except ValueError as error:
                self._reject(source, "wrong_check", str(error), text)
                return
            self.first[key] = source
            seed = Seed(history=tuple(earlier), instruction=instruction, response=response, source=source)
            self.seeds.add(seed)
            self.count += 1
            self.known |= {seed.id: checks} if checks else {}

    def _reject(self, source: str, rule: str, detail: str, text: str = "") -> None:
        self.rejects.append(Rejected(row=source, rule=rule, detail=detail, text=text))

    def finished_rejects(self) -> list[Rejected]:
        if self.left_out:
            detail = f"{len(self.left_out)} rows from here on, as max_rows is {self.config.max_rows}"
            self._reject(self.left_out[0], CUT, detail)
        return self.rejects


def _renamed(values: dict[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    ours = {theirs: name for name, theirs in columns.items()}
    return {ours.get(name, name): value for name, value in values.items()} if ours else values


def _tidy(text: str) -> str:
    return text.replace("\0", "").replace("\r\n", "\n").strip()


def _asked(seed: Seed) -> tuple[str, ...]:
    return tuple(map(_normalised, (*seed.history, seed.instruction)))


def _normalised(text: str) -> str:
    """What two texts have in common that differ only in white space and case."""
    return " ".join(text.split()).casefold()


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
    return int.from_bytes(hashlib.sha256(_normalised(instruction).encode()).digest()[:6]) / 2**48
