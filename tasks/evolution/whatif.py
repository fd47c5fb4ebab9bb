"""What other weights, thresholds or another calibration would change, from stored signals: no model is asked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.annotate import steps as annotating
from tasks.engines.processes.platform import Platform
from tasks.evolution.ledger import Iteration, Ledger
from tasks.execution.offline import Offline, WouldAsk
from tasks.execution.stage import Stages
from tasks.recipe.recipe import Recipe, changed
from tasks.review import steps as reviewing
from tasks.store.artifacts import Ref, Store
from tasks.store.examples import PreferencePair, SftRow
from tasks.store.rows import Seed, text_digest
from tasks.store.vetoes import Veto
from tasks.write.steps import rounds_of

Texts = Callable[[], Iterable[str]]  # made anew each time
# What is worked out from stored signals and verdicts alone.
FREE = (
    *("review.", "calibration.length", "calibration.regularisation", "split.", "annotate."),
    *("verify.rows_per_question", "verify.pairs", "verify.length_ratio", "verify.sft_rows", "verify.guard"),
)
WOULD_BE_CALLED = (
    "a model would have to be called. Only settings of `review`, `calibration.length`, `calibration.regularisation`, "
    "`split`, `annotate` and, of `verify`, of rows, pairs and the guard need none"
)


@dataclass(frozen=True)
class Change:
    """Rows of one kind: how many there are now, how many there would be, and the texts that differ."""

    what: str
    now: int
    then: int
    added: list[str]
    removed: list[str]


@dataclass(frozen=True)
class WhatIf:
    """`thresholds` by name, now and then. `unwritten` seeds would change sides and have no text for the new one yet."""

    changes: list[Change]
    thresholds: dict[str, tuple[float, float]]
    unwritten: int


def what_if(
    store: Store, ledger: Ledger, iteration: Iteration, recipe: Recipe, platform: Platform, vetoes: Sequence[Veto]
) -> WhatIf:
    """Raises ValueError for a setting that a model would have to be asked for, or an iteration that came to no rows.

    Questions that rules check are the stored ones, whatever a setting says of the seeds that they were made from.
    """
    before, after = (one.model_dump(mode="json") for one in (changed(iteration.recipe, []), recipe))
    if asks := [key for key in _differing(before, after) if not key.startswith(FREE)]:
        raise ValueError(f"{', '.join(asks)}: nothing that is shown depends on it, or {WOULD_BE_CALLED}")
    offline, made = Offline(recipe=recipe, store=store, platform=platform), iteration.stages
    stages = Stages(
        offline,
        iteration.number,
        [veto for veto in vetoes if veto.row in iteration.vetoes],
        made.get("benchmark items"),
        ledger.made_again(iteration.number),
    )
    if not iteration.annotated:
        raise ValueError(f"iteration {iteration.number} has no annotated rows: {'; '.join(iteration.verdict.reasons)}")
    model = ledger.start_of(iteration.number, recipe.gate) or iteration.champion_before
    try:
        found = _reviewed(stages, iteration, model) if "annotate" in made else WhatIf([], {}, 0)
        if annotating.VERIFIED in made:
            rows = _verified(stages, iteration, model)
            found.changes.extend(_kept(store, made[annotating.VERIFIED], rows, "verified "))
    except WouldAsk as missing:
        raise ValueError(
            f"{missing} is not in the store as these settings, or this version, make it (`lance evolve` does): "
            f"{WOULD_BE_CALLED}"
        ) from None
    return found


def _differing(one: Mapping[str, Any], other: Mapping[str, Any], above: str = "") -> list[str]:
    """The keys, with dots, under which the values are not the same."""
    found: list[str] = []
    for key in sorted({*one, *other}):
        mine, its = one.get(key), other.get(key)
        if isinstance(mine, dict) and isinstance(its, dict):
            found += _differing(mine, its, f"{above}{key}.")
        elif mine != its:
            found.append(f"{above}{key}")
    return found


def _verified(stages: Stages, iteration: Iteration, model: Ref) -> Ref:
    found = annotating.verified_in(iteration.stages)
    reviews = None
    sampled = [one for one in found if one.answers != one.questions]
    if stages.recipe.verify.guard and sampled:
        reviewer = reviewing.meta_evaluate(stages, model, iteration.seeds)
        reviews = reviewing.review_passing(stages, model, reviewer, sampled)
    return annotating.annotate_verified(stages, found, reviews)


def _reviewed(stages: Stages, iteration: Iteration, model: Ref) -> WhatIf:
    made, store = iteration.stages, stages.store
    rounds, pool = rounds_of(made), made["pool"]
    reviewer = reviewing.meta_evaluate(stages, model, iteration.seeds)
    seed_reviews = reviewing.review_seeds(stages, model, reviewer, pool)
    routes = annotating.split(stages, pool, seed_reviews)
    reviews = [reviewing.review_written(stages, model, reviewer, round.responses, round.number) for round in rounds]
    rows = annotating.annotate(
        stages, routes=routes, pool=pool, seed_reviews=seed_reviews, rounds=rounds, reviews=reviews
    )
    splits = (made["split"], routes)
    low = [set(store.rows(ref, Seed, "low").column("id")) for ref in splits]
    now, then = (
        (store.record(made["split"]), store.record(made["annotate"])),
        (store.record(routes), store.record(rows)),
    )
    thresholds = {
        name: (value, later["thresholds"][name])
        for record, later in zip(now, then, strict=True)
        for name, value in record["thresholds"].items()
    }
    changes = [
        *(_change(f"{side} seeds", *(_seeds(store, ref, side) for ref in splits)) for side in ("low", "high")),
        *_kept(store, made["annotate"], rows, ""),
    ]
    return WhatIf(changes, thresholds, unwritten=len(low[1] ^ low[0]))


def _kept(store: Store, now: Ref, then: Ref, which: str) -> list[Change]:
    def sft(ref: Ref) -> Texts:
        return lambda: (f"{row.instruction}\n{row.response}" for row in store.rows(ref, SftRow, "sft"))

    def pairs(ref: Ref) -> Texts:
        return lambda: (f"{pair.chosen}\n{pair.rejected}" for pair in store.rows(ref, PreferencePair, "pairs"))

    return [
        _change(f"{which}SFT rows", sft(now), sft(then)),
        _change(f"{which}pairs", pairs(now), pairs(then)),
    ]


def _seeds(store: Store, ref: Ref, side: str) -> Texts:
    return lambda: (seed.instruction for seed in store.rows(ref, Seed, side))


def _change(what: str, before: Texts, after: Texts) -> Change:
    """By digests, and the texts of those that differ: all of them would not fit."""
    now, then = ([text_digest(text) for text in texts()] for texts in (before, after))
    known, kept = set(now), set(then)
    added = {text for text in after() if text_digest(text) not in known} if kept - known else set()
    removed = {text for text in before() if text_digest(text) not in kept} if known - kept else set()
    return Change(what, len(now), len(then), sorted(added), sorted(removed))
