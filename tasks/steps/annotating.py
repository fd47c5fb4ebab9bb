"""What is worked on, which way it goes, and what of it is trained on: pool, split, annotate."""

from collections.abc import Sequence

from tasks import annotate as stage
from tasks import pairs as preferences
from tasks import split as routing
from tasks import target
from tasks.artifacts import Draft, Ref
from tasks.clean.contamination import Contamination
from tasks.config import Branch
from tasks.examples import SftRow
from tasks.graded import Review, Scored
from tasks.records import Seed, Written
from tasks.steps.base import Stages, save_rows
from tasks.steps.writing import Round, best_of_near_duplicates, candidates
from tasks.vetoes import without

POOL_VERSION = 3  # 2: without what models are measured on; 3: what a vetoed row was made from stays known


def pool(stages: Stages, seeds: Ref, grown_from: Sequence[Ref]) -> Ref:
    """The seeds that may be worked on, with what earlier iterations wrote and kept (their annotate artifacts)."""
    config, (vetoed, vetoes) = stages.recipe.clean, stages.vetoed(before=stages.number)

    def save(draft: Draft) -> None:
        rows = stages.store.rows(seeds, Seed)
        for ref in grown_from:
            rows += [row.as_seed() for row in stages.store.rows(ref, SftRow, "sft")]
        kept, rejects = without(list({seed.id: seed for seed in rows}.values()), vetoed)
        if "contamination" not in config.without:
            kept, hits = Contamination(config, stages.not_to_train_on(seeds)).rows(kept)
            rejects += hits
        save_rows(draft, len(rows), kept, rejects)

    inputs = {"seeds": seeds, **vetoes, **stages.items} | {f"written-{i}": ref for i, ref in enumerate(grown_from)}
    return stages.compute("pool", stages.spec("pool", POOL_VERSION, config, inputs), save)


def split(stages: Stages, pool: Ref, reviews: Ref) -> Ref:
    config, branches = stages.recipe.split, stages.recipe.branches

    def save(draft: Draft) -> None:
        seeds = stages.store.rows(pool, Seed)
        low, high, v = routing.split(seeds, stages.store.rows(reviews, Review), config)
        draft.table("low", low)
        draft.table("high", high)
        draft.record["counts"] = {"in": len(seeds), "out": len(low) + len(high), "low": len(low), "high": len(high)}
        draft.record |= {"thresholds": {"V": v}, "shortage": routing.shortage(low, high, v, branches)}

    inputs = {"pool": pool, "reviews": reviews}
    shaped_by = config.model_dump(mode="json") | {"branches": branches}
    return stages.compute("split", stages.spec("split", routing.VERSION, shaped_by, inputs), save)


def annotate(
    stages: Stages, *, routes: Ref, pool: Ref, seed_reviews: Ref, rounds: Sequence[Round], reviews: Sequence[Ref]
) -> Ref:
    """SFT rows and pairs of all rounds so far, cut to the target; its record says which branches have to go on."""
    recipe, store = stages.recipe, stages.store
    config, branches = recipe.annotate, recipe.branches
    answers = [round.clean["answers"] for round in rounds if "answers" in round.clean]
    texts = [ref for round in rounds for what, ref in round.responses.items() if what != "answers"]
    if answers:
        texts.append(best_of_near_duplicates(stages, answers, reviews, pool))
    vetoed, vetoes = stages.vetoed()
    written_so_far = candidates(stages, rounds)

    def save(draft: Draft) -> None:
        written = [row for ref in texts for row in store.rows(ref, Written)]
        scored = Scored([row for ref in (seed_reviews, *reviews) for row in store.rows(ref, Review)])
        low, high = (store.rows(routes, Seed, table) for table in ("low", "high"))
        rows, taken_out = without(written, vetoed)
        rows, elsewhere = stage.on_their_branch(rows, low, high)
        sft, low_scores, sft_keep = stage.sft_rows(rows, scored, config)
        pairs, low_margins, margin = preferences.pairs(high, rows, scored, config)
        sft, sft_out = without(sft, vetoed)
        pairs, pairs_out = without(pairs, vetoed)
        found: dict[Branch, int] = {"sft": len(sft), "preference": len(pairs)}
        wanted, why = target.still_wanted(found, written_so_far, branches, recipe)
        sft, sft_over = target.best(sft, recipe.target.sft_rows, [row.score for row in sft])
        margins = [pair.chosen_score - pair.rejected_score for pair in pairs]
        pairs, pairs_over = target.best(pairs, recipe.target.pairs, margins)
        rejects = [*taken_out, *sft_out, *pairs_out, *elsewhere, *low_scores, *low_margins]
        rejects += [*map(target.left_over, sft_over), *map(target.left_over, pairs_over)]
        save_rows(draft, len(written), [*sft, *pairs], rejects, tables={"sft": sft, "pairs": pairs})
        draft.record["thresholds"] = {"sft_keep": sft_keep, "margin": margin}
        draft.record["shortage"] = stage.shortage(sft, pairs, sft_keep, margin, branches)
        draft.record |= {"wanted": wanted, "target": why}

    inputs = {"routes": routes, "seed_reviews": seed_reviews, **vetoes} | {
        f"reviews-{i}": ref for i, ref in enumerate(reviews)
    }
    inputs |= {f"texts-{i}": ref for i, ref in enumerate(texts)}
    shaped_by = config.model_dump(mode="json") | {"target": recipe.target.model_dump(), "branches": branches}
    if recipe.target.candidates:
        shaped_by |= {"candidates": written_so_far, "costs": target.cost_of_a_seed(recipe)}
    version = 10 * stage.VERSION + preferences.VERSION
    return stages.compute("annotate", stages.spec("annotate", version, shaped_by, inputs), save)


def still_wanted(stages: Stages, rows: Ref) -> list[Branch]:
    """The branches whose target is not reached and may be."""
    wanted: list[Branch] = stages.store.record(rows)["wanted"]
    return wanted
