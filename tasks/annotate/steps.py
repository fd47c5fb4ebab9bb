"""Which way seeds go, and what of the written text is trained on: split, best of near duplicates, annotate."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from tasks.annotate import pairs as preferences
from tasks.annotate import sft_rows
from tasks.annotate import split as routing
from tasks.annotate import verified_rows as verified
from tasks.clean import near_duplicate, rules
from tasks.execution.stage import Stages, numbered, save_rows
from tasks.recipe.data import Branch
from tasks.store.artifacts import Draft, Ref
from tasks.store.reviews import Review, Scored
from tasks.store.rows import Rejected, Seed, Written
from tasks.store.tables import Rows, column
from tasks.store.verified import Checked, Question, Verdicts
from tasks.store.vetoes import made_from_vetoed, without
from tasks.verify.steps import answers_in
from tasks.write import target
from tasks.write.steps import Round, candidates

VERIFIED = "annotate [verified]"
ONLY_SAMPLING = {"ways", "constraints", "computed", "hindsight", "reviewed", "temperature", "min_p", "max_new_tokens"}


def split(stages: Stages, pool: Ref, reviews: Ref) -> Ref:
    config, branches = stages.recipe.split, stages.recipe.branches

    def save(draft: Draft) -> None:
        seeds = stages.store.rows(pool, Seed)
        low, high, v = routing.split(seeds, stages.store.rows(reviews, Review), config)
        draft.table("low", low)
        draft.table("high", high)
        draft.record["counts"] = {"in": len(seeds), "out": len(low) + len(high), "low": len(low), "high": len(high)}
        draft.record |= {"thresholds": {"V": v}, "shortage": routing.shortage(low, high, v, branches)}

    return stages.compute(
        "split",
        version=routing.VERSION,
        config=config.model_dump(mode="json") | {"branches": branches},
        inputs={"pool": pool, "reviews": reviews},
        save=save,
    )


def best_of_near_duplicates(stages: Stages, answers: Sequence[Ref], reviews: Sequence[Ref], pool: Ref) -> Ref:
    """Answers whose near duplicates all score lower; what the pool has already goes whatever it scores."""
    config, store = stages.recipe.clean, stages.store

    def save(draft: Draft) -> None:
        rows = store.rows(answers, Written)
        kept: Sequence[Written] = rows
        rejects: list[Rejected] = []
        if "near_duplicate" not in config.without:
            scored = Scored(store.rows(reviews, Review))
            kept, rejects = near_duplicate.best(rows, scored, store.rows(pool, Seed), config, store.kept)
        save_rows(draft, len(rows), kept, rejects)

    return stages.compute(
        "best",
        "best [answers]",
        version=rules.VERSION,
        config=config,
        inputs={"pool": pool, **numbered("answers", answers), **numbered("reviews", reviews)},
        save=save,
    )


def annotate(
    stages: Stages, *, routes: Ref, pool: Ref, seed_reviews: Ref, rounds: Sequence[Round], reviews: Sequence[Ref]
) -> Ref:
    """SFT rows and pairs of all rounds so far, cut to the target; its record says which branches need more."""
    recipe, store = stages.recipe, stages.store
    config, branches = recipe.annotate, recipe.branches
    answers = [round.clean["answers"] for round in rounds if "answers" in round.clean]
    texts = [ref for round in rounds for what, ref in round.responses.items() if what != "answers"]
    if answers:
        texts.append(best_of_near_duplicates(stages, answers, reviews, pool))
    vetoed, vetoes = stages.vetoed()
    written_so_far = candidates(stages, rounds)

    def save(draft: Draft) -> None:
        written = store.rows(texts, Written)
        scored = Scored(store.rows((seed_reviews, *reviews), Review))
        low, high = (store.rows(routes, Seed, table) for table in ("low", "high"))
        rows, taken_out = without(written, vetoed)
        rows, elsewhere = sft_rows.on_their_branch(rows, low, high)
        fit, low_scores, sft_keep = sft_rows.sft_rows(rows, scored, config)
        better, low_margins, margin = preferences.pairs(high, rows, scored, config)
        sft, sft_out = without(fit, vetoed)
        pairs, pairs_out = without(better, vetoed)
        found: dict[Branch, int] = {"sft": len(sft), "preference": len(pairs)}
        wanted, why = target.still_wanted(found, written_so_far, branches, recipe)
        sft, sft_over = target.best(sft, recipe.target.sft_rows, [score or 0 for score in column(sft, "score")])
        sides = (column(pairs, f"{side}_score") for side in ("chosen", "rejected"))
        margins = [(chosen or 0) - (rejected or 0) for chosen, rejected in zip(*sides, strict=True)]
        pairs, pairs_over = target.best(pairs, recipe.target.pairs, margins)
        left_over = (target.left_over(row) for rest in (sft_over, pairs_over) for row in rest)
        rejects = Rows.of(Rejected, chain(taken_out, sft_out, pairs_out, elsewhere, low_scores, low_margins, left_over))
        save_rows(draft, len(written), sft, rejects, tables={"sft": sft, "pairs": pairs})
        draft.record["counts"]["out"] += len(pairs)
        draft.record["thresholds"] = {"sft_keep": sft_keep, "margin": margin}
        draft.record["shortage"] = sft_rows.shortage(sft, pairs, sft_keep, margin, branches)
        draft.record |= {"wanted": wanted, "target": why}

    shaped_by = config.model_dump(mode="json") | {"target": recipe.target.model_dump(), "branches": branches}
    if recipe.target.candidates:
        shaped_by |= {"candidates": written_so_far, "costs": target.cost_of_a_seed(recipe)}
    made_of: dict[str, Ref | str] = {"routes": routes, "seed_reviews": seed_reviews, **vetoes}
    return stages.compute(
        "annotate",
        version=10 * sft_rows.VERSION + preferences.VERSION,
        config=shaped_by,
        inputs=made_of | numbered("reviews", reviews) | numbered("texts", texts),
        save=save,
    )


class Verified(NamedTuple):
    """What was asked in one way, what was answered, and what the checks found."""

    questions: Ref
    answers: Ref
    checked: Ref


def verified_in(made: Mapping[str, Ref]) -> list[Verified]:
    """Of an iteration that is done, from its artifacts by label, in the order in which they were made."""
    found: list[Verified] = []
    for label, questions in made.items():
        if label.startswith("questions ["):
            way = label.removeprefix("questions [").removesuffix("]")
            answers = questions if way == "hindsight" else made[f"clean [{way}]"]
            found.append(Verified(questions, answers, made[f"check [{way}]"]))
    return found


def annotate_verified(stages: Stages, found: Sequence[Verified], reviews: Ref | None) -> Ref:
    """SFT rows and pairs of right over wrong, from what the checks found; `reviews` of what passes, for the guard."""
    config, store = stages.recipe.verify, stages.store
    vetoed, vetoes = stages.vetoed()

    def save(draft: Draft) -> None:
        asked = store.rows((one.questions for one in found), Question)
        of_vetoed = made_from_vetoed(asked, vetoed)
        rows, taken_out = without([row for one in found for row in answers_in(store, one.answers)], vetoed | of_vetoed)
        verdicts = Verdicts(asked, store.rows((one.checked for one in found), Checked))
        scored = Scored(store.rows(reviews, Review) if reviews else [])
        difficulty = verified.difficulty(rows, verdicts)
        right, better, rejects = verified.verified_rows(asked, rows, verdicts, scored, config)
        sft, sft_out = without(right, vetoed)
        pairs, pairs_out = without(better, vetoed)
        rejects += [*taken_out, *sft_out, *pairs_out]
        save_rows(draft, len(rows), [*sft, *pairs], rejects, tables={"sft": sft, "pairs": pairs})
        draft.record["counts"] |= {"rows": len(sft), "pairs": len(pairs)}
        draft.record["shortage"] = verified.shortage(sft, pairs, config)
        draft.record["difficulty"] = difficulty

    made_of = {f"{name}-{i}": ref for i, one in enumerate(found) for name, ref in one._asdict().items()}
    return stages.compute(
        "annotate-verified",
        VERIFIED,
        version=verified.VERSION,
        config=config.model_dump(mode="json", exclude=ONLY_SAMPLING),
        inputs=made_of | vetoes | ({"reviews": reviews} if reviews else {}),
        save=save,
    )


def still_wanted(stages: Stages, rows: Ref) -> list[Branch]:
    """The branches whose target is not reached and may be."""
    wanted: list[Branch] = stages.store.record(rows)["wanted"]
    return wanted
