"""Seed sets: raw rows become seeds; every row that does not, and every repair, leaves a `Rejected` row with its rule.

    found = read(Path("deployments/seeds/everyday.jsonl"), ReadingConfig(), on_row=lambda count: None)

A seed is one instruction with one response, and the turns before it if there were any, read from one of the FORMS of
`seeds/forms.py`. Text is kept as it is, but for outer white space, line ends (\\r\\n becomes \\n) and NUL characters.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.recipe.data import ReadingConfig
from tasks.seeds import known
from tasks.seeds.files import read_rows
from tasks.seeds.formats.raw import RawRow, refusal
from tasks.seeds.forms import COLUMNS, form_of
from tasks.seeds.messages import PAIR, Turn, Unfit
from tasks.seeds.room import Room
from tasks.store.rows import SYSTEM, History, Rejected, Seed, text_digest
from tasks.store.tables import Gathering, Rows
from tasks.store.verified import Asked
from tasks.text.words import extent, normalised

MALFORMED = ("unreadable", "columns", "not_text", "tools", "turns", "system")  # no seeds in this form
DROPS = (
    *MALFORMED,
    "empty",
    "duplicate",
    "over_long",
    "over_context",
    "wrong_check",
    "measured_on",
)  # rules that take one row out
# What was done to read a file, and rules that change a row, which may be dropped later.
REPAIRS = ("byte_order_mark", "encoding", "separator", "other_splits", "nul_bytes", "system_message", "greeting")
KNOWN = {*COLUMNS, *known.COLUMNS}
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


def read(source: Path, config: ReadingConfig, on_row: Callable[[int], None], room: Room | None = None) -> SeedSet:
    """The seeds of what `read_rows` reads, in order; `on_row` is told how many rows were read. Raises ValueError.

    With `config.max_rows`, the first that many seeds are taken, and the rows after them only counted.
    """
    reading = _Reading(config, room)
    count = 0
    for count, row in enumerate(read_rows(source), 1):
        reading.add(row)
        on_row(count)
    reading.end_file()
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

    def __init__(self, config: ReadingConfig, room: Room | None):
        self.config, self.room = config, room
        self.seeds, self.count = Gathering(Seed), 0
        self.rejects: list[Rejected] = []
        self.ignored: set[str] = set()
        self.first: dict[bytes, str] = {}  # digest of normalised texts -> where they stood first
        self.left_out: list[str] = []
        self.known: dict[str, tuple[Asked, ...]] = {}
        self.malformed: list[str] = []  # what is wrong with rows of the file that is being read
        self.looked_at = 0  # of its rows

    def add(self, row: RawRow) -> None:
        if row.row == 1:
            self.end_file()
            for rule, detail in row.said:
                self._reject(row.source, rule, detail)
        if self.count == self.config.max_rows:
            self.left_out.append(row.source)
            return
        self.looked_at += 1
        values = _renamed(row.values, self.config.columns)
        try:
            if row.problem:
                raise Unfit("unreadable", row.problem)
            form = form_of(values)
            texts = self._texts(row.source, form.turns(values))
            self.ignored |= form.ignored(values) - {*known.COLUMNS}
            self._add(row.source, texts, {name: of for name, of in values.items() if name not in form.columns})
        except Unfit as unfit:
            self._reject(row.source, unfit.rule, unfit.detail, unfit.text)
            if unfit.rule in MALFORMED:
                self.malformed.append(f"{row.where}: {unfit.detail}")

    def end_file(self) -> None:
        """Raises ValueError where more of its rows are malformed than the recipe lets pass."""
        if len(self.malformed) > self.config.malformed_share * self.looked_at:
            of = f"{len(self.malformed)} of {self.looked_at} rows are no seeds"
            raise ValueError(f"{self.malformed[0]} ({of}; reading.malformed_share is {self.config.malformed_share:g})")
        self.malformed, self.looked_at = [], 0

    def _texts(self, source: str, turns: list[Turn]) -> list[str]:
        """What was said before, the instruction and the response. Raises Unfit where both sides do not take turns."""
        said = [turn for turn in turns if turn.role != "system"]
        if len(said) > 1 and said[0].role == "assistant" and said[1].role == "user":
            self._reject(source, "greeting", "of the assistant, removed, the rest kept", said.pop(0).text)
        roles = [turn.role for turn in said]
        if roles not in (["user"], ["assistant"], [*PAIR] * (len(roles) // 2)):  # one that is missing: empty, below
            detail = f"expected user and assistant in turn, the assistant last, found {', '.join(roles)}"
            raise Unfit("turns", detail, "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns))
        pair = said[:2] if self.config.turn == "first" else said[-2:]
        texts = dict.fromkeys(PAIR, "") | {turn.role: turn.text for turn in pair}
        earlier = [] if self.config.turn == "first" else [turn.text for turn in said[:-2]]
        found = [*earlier, texts["user"], texts["assistant"]]
        system = "\n\n".join(text for turn in turns if turn.role == "system" and (text := turn.text.strip()))
        if system and system != SYSTEM:  # which all of ours are asked with
            found[0] = self._after(source, system, found[0])
        return found

    def _after(self, source: str, system: str, question: str) -> str:
        """The first question with its system text, as the recipe wants it."""
        if self.config.system == "reject":
            raise Unfit("system", "reading.system is reject, and it has a system text", system)
        before = self.config.system == "before question"
        how = "put before the first question" if before else "removed, the rest kept"
        self._reject(source, "system_message", how, system)
        return f"{system}\n\n{question.strip()}" if before and question.strip() else question

    def _add(self, source: str, texts: list[str], values: Mapping[str, object]) -> None:
        text = "\n\n".join(texts)
        if nuls := text.count("\0"):
            self._reject(source, "nul_bytes", f"{nuls} removed, the rest kept", text)
        *earlier, instruction, response = map(_tidy, texts)
        words = sum(map(extent, (*earlier, instruction, response)))
        key = text_digest(*map(normalised, (*earlier, instruction, response)))
        if not instruction or not response or not all(earlier):
            missing = "response" if instruction else "instruction"
            raise Unfit("empty", f"no {missing}" if all(earlier) else "an earlier turn is empty", text)
        if words > self.config.max_words:
            raise Unfit("over_long", f"{words} words, at most {self.config.max_words} (reading.max_words)", text)
        if self.room and (tokens := self.room.needed((*earlier, instruction, response))):
            detail = f"{tokens} tokens, expected at most {self.room.tokens}, which engine.context_tokens has room for"
            raise Unfit("over_context", detail, text)
        if key in self.first:
            raise Unfit("duplicate", f"same as {self.first[key]}", text)
        try:
            checks = known.checks_of(values, response)
        except ValueError as error:
            raise Unfit("wrong_check", str(error), text) from error
        self.first[key] = source
        history: History = tuple(earlier)
        seed = Seed(history=history, instruction=instruction, response=response, source=source)
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
    """`columns`: theirs by ours; one of ours by "" is none of theirs. `Prompt` is `prompt` where there is no other."""
    if columns:
        ours = {theirs: name for name, theirs in columns.items() if theirs}
        values = {ours.get(name, name): value for name, value in values.items() if name in ours or name not in columns}
    if values.keys() <= KNOWN:
        return values
    plain = {name: name if name in KNOWN else name.strip().lower() for name in values}
    taken = Counter(plain.values())
    as_known = {name: one for name, one in plain.items() if one in KNOWN and taken[one] == 1 and one not in columns}
    return {as_known.get(name, name): value for name, value in values.items()}


def _tidy(text: str) -> str:
    return text.replace("\0", "").replace("\r\n", "\n").strip()


def _asked(seed: Seed) -> tuple[str, ...]:
    return tuple(map(normalised, (*seed.history, seed.instruction)))
