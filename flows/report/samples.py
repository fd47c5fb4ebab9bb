"""The report's rows to read: a few of each kind, the best- and the worst-scored, with what they came from.

Places are chosen by the columns that they depend on, and no other row is made.
"""

from collections.abc import Mapping, Sequence
from heapq import nlargest, nsmallest
from typing import Any, TypeVar

from tasks.store.artifacts import Ref, Store
from tasks.store.examples import PreferencePair, SftRow
from tasks.store.reviews import Review
from tasks.store.rows import Row, Seed, Written
from tasks.store.tables import Rows

SAMPLES = 3
WRITTEN = ("answers", "flawed", "ordinary")
R = TypeVar("R", bound=Row)


def samples(store: Store, made: Mapping[str, Ref]) -> dict[str, Any]:
    """Of an iteration's stages, by label."""
    if "annotate" not in made:
        return {"pairs": [], "written": [], "worst": []}
    pairs, kept = _pairs(store, made["annotate"]), _kept(store, made["annotate"])
    theirs, pool = {row.seed for row in kept}, store.rows(made["pool"], Seed)
    seeds = {seed.id: seed.instruction for seed in pool.where([name in theirs for name in pool.column("id")])}
    return {
        "pairs": [pair.model_dump() for pair in pairs],
        "written": [row.model_dump() | {"seed": seeds.get(row.seed, row.seed)} for row in kept],
        "worst": _worst(store, made),
    }


def _pairs(store: Store, annotated: Ref) -> list[PreferencePair]:
    rows = store.rows(annotated, PreferencePair, "pairs")
    scores = zip(rows.column("chosen_score"), rows.column("rejected_score"), strict=True)
    return _of_largest(rows, [(chosen or 0) - (rejected or 0) for chosen, rejected in scores])


def _kept(store: Store, annotated: Ref) -> list[SftRow]:
    rows = store.rows(annotated, SftRow, "sft")
    return _of_largest(rows, [score or 0 for score in rows.column("score")])


def _worst(store: Store, made: Mapping[str, Ref]) -> list[dict[str, Any]]:
    reviews = store.rows(_starting(made, "review [written"), Review)
    scores = dict(zip(reviews.column("item"), reviews.column("score"), strict=True))
    rows = store.rows(_starting(made, *(f"clean [{what}" for what in WRITTEN)), Written)
    scored = ((scores.get(name), place) for place, name in enumerate(rows.column("id")))
    lowest = nsmallest(SAMPLES, ((score, place) for score, place in scored if score is not None))
    return [rows[place].model_dump() | {"score": score} for score, place in lowest]


def _of_largest(rows: Rows[R], values: Sequence[float]) -> list[R]:
    """The rows with the largest values, the first of equal ones first."""
    return [rows[place] for place in nlargest(SAMPLES, range(len(values)), key=lambda place: values[place])]


def _starting(made: Mapping[str, Ref], *labels: str) -> list[Ref]:
    return [ref for label, ref in made.items() if label.startswith(labels)]
