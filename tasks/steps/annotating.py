"""What is worked on, which way it goes, and what of it is trained on: pool, split, annotate."""

from collections.abc import Mapping, Sequence

from tasks import annotate as stage
from tasks import pairs as preferences
from tasks import split as routing
from tasks.artifacts import Draft, Ref
from tasks.examples import SftRow
from tasks.graded import Review, Scored
from tasks.records import Seed, Written
from tasks.steps.base import Stages, save_rows

POOL_VERSION = 1


def pool(stages: Stages, seeds: Ref, grown_from: Sequence[Ref]) -> Ref:
    """The seeds that may be worked on, with what earlier iterations wrote and kept (their annotate artifacts)."""

    def save(draft: Draft) -> None:
        rows = stages.store.rows(seeds, Seed)
        for ref in grown_from:
            rows += [row.as_seed() for row in stages.store.rows(ref, SftRow, "sft")]
        save_rows(draft, len(rows), list({seed.id: seed for seed in rows}.values()), [])

    inputs = {"seeds": seeds} | {f"written-{i}": ref for i, ref in enumerate(grown_from)}
    return stages.compute("pool", stages.spec("pool", POOL_VERSION, None, inputs), save)


def split(stages: Stages, pool: Ref, reviews: Ref) -> Ref:
    config = stages.recipe.split

    def save(draft: Draft) -> None:
        seeds = stages.store.rows(pool, Seed)
        low, high, v = routing.split(seeds, stages.store.rows(reviews, Review), config)
        draft.table("low", low)
        draft.table("high", high)
        draft.record["counts"] = {"in": len(seeds), "out": len(low) + len(high), "low": len(low), "high": len(high)}
        draft.record |= {"thresholds": {"V": v}, "shortage": routing.shortage(low, high, v)}

    inputs = {"pool": pool, "reviews": reviews}
    return stages.compute("split", stages.spec("split", routing.VERSION, config, inputs), save)


def annotate(
    stages: Stages, *, seeds: Ref, routes: Ref, seed_reviews: Ref, texts: Mapping[str, Ref], reviews: Ref
) -> Ref:
    config, store = stages.recipe.annotate, stages.store

    def save(draft: Draft) -> None:
        written = [row for ref in texts.values() for row in store.rows(ref, Written)]
        scored = Scored(store.rows(seed_reviews, Review) + store.rows(reviews, Review))
        held_out = store.rows(seeds, Seed, "held_out") + store.rows(seeds, Seed, "anchors")
        low, high = (store.rows(routes, Seed, table) for table in ("low", "high"))
        rows, measured = stage.unmeasured(written, held_out)
        rows, elsewhere = stage.on_their_branch(rows, low, high)
        sft, low_scores, sft_keep = stage.sft_rows(rows, scored, config)
        pairs, low_margins, margin = preferences.pairs(high, rows, scored, config)
        rejects = [*measured, *elsewhere, *low_scores, *low_margins]
        save_rows(draft, len(written), [*sft, *pairs], rejects, tables={"sft": sft, "pairs": pairs})
        draft.record["thresholds"] = {"sft_keep": sft_keep, "margin": margin}
        draft.record["shortage"] = stage.shortage(sft, pairs, sft_keep, margin)

    inputs = {"seeds": seeds, "routes": routes, "seed_reviews": seed_reviews, "reviews": reviews, **texts}
    version = 10 * stage.VERSION + preferences.VERSION
    return stages.compute("annotate", stages.spec("annotate", version, config, inputs), save)
