"""Rows about a pair's quality: what is known of it, what a reviewer saw in it, what score came of that."""

from collections.abc import Mapping, Sequence, Set
from typing import Literal, Protocol, Self

from pydantic import model_validator

from tasks.store.rows import History, Row, Seed, Text, Written
from tasks.store.tables import column


class Reviewable(Text, Protocol):
    """What can be reviewed: a seed, a written row, an anchor."""

    @property
    def history(self) -> History: ...


class Anchor(Row):
    """A pair whose quality is known, since it was made so: what a reviewer is calibrated and watched with."""

    kind = "anchor"

    seed: str  # anchors of one seed stay together where a set is divided
    history: History = ()
    instruction: str
    response: str
    source: Literal["human", "own"]  # who wrote the response; "own": the reviewer itself
    corruption: str  # what was done to it, or how it came about; "good" for nothing
    state: str = ""  # what it is known to be: good, or at fault in one way; "": nobody knows, and it is only watched


class AnchorScore(Row):
    """What one reviewer gave an anchor; None for an answer that was no score."""

    kind = "anchor_score"

    anchor: str
    seed: str
    source: Literal["human", "own"]
    corruption: str
    score: float | None


TOO_LONG = "too_long"  # a signal's name


class Signals(Row):
    """What one model's look at one pair brought, before any judgement: `values` by name, rationales in `texts`.

    TOO_LONG alone where a request about it had no room.
    """

    kind = "signals"

    item: str
    reviewer: str  # digest of the reviewing model
    names: tuple[str, ...]
    values: tuple[float, ...]
    texts: tuple[str, ...] = ()

    def found(self) -> dict[str, float]:
        return dict(zip(self.names, self.values, strict=True))

    def only(self, names: Set[str]) -> "Signals":
        """The same look without the other signals."""
        kept = {name: value for name, value in self.found().items() if name in names}
        return Signals(item=self.item, reviewer=self.reviewer, names=tuple(kept), values=tuple(kept.values()))


class Review(Row):
    """A score (0-10) made from signals; None with the reason where they hold none."""

    kind = "review"

    item: str
    outcome: Literal["scored", "unparsed"]
    score: float | None
    reason: str = ""  # of an unparsed one
    principles: tuple[str, ...] = ()
    holds: tuple[float, ...] = ()  # probability that each of the principles holds, where a calibration says so
    reviewer: str

    @model_validator(mode="after")
    def _scored_has_score(self) -> Self:
        if (self.outcome == "scored") != (self.score is not None):
            raise ValueError(f"review of {self.item}: outcome {self.outcome!r} with score {self.score}")
        return self


class Scored:
    """Reviews by item, for the items that have a score."""

    def __init__(self, reviews: Sequence[Review]):
        self._reviews = reviews
        found = zip(column(reviews, "item"), column(reviews, "score"), strict=True)
        there = [(item, i, score) for i, (item, score) in enumerate(found) if score is not None]
        self._places = {item: i for item, i, _ in there}
        self.scores: Mapping[str, float] = {item: score for item, _, score in there}  # by what was reviewed

    def __contains__(self, row: Row) -> bool:
        return row.id in self.scores

    def review(self, row: Seed | Written) -> Review:
        return self._reviews[self._places[row.id]]

    def score(self, row: Seed | Written) -> float:
        return self.scores[row.id]
