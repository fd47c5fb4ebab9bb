"""Verify: questions that rules can check, and what the checks find in their answers."""

from collections import ChainMap, Counter
from collections.abc import Sequence

from tasks.execution.stage import Stages, numbered, save_rows
from tasks.recipe.verification import Way, level_of
from tasks.store.artifacts import Draft, Ref, Store
from tasks.store.rows import Rejected, Row, Seed, Written
from tasks.store.verified import Answering, Checked, Edited, Question, Verdicts
from tasks.verify import verdicts as verdicts_of
from tasks.verify.checks.base import found, versions
from tasks.verify.confined import findings
from tasks.verify.questions import computed, constraints, hindsight
from tasks.verify.questions.kinds import digest_of, kinds


def ask(
    stages: Stages,
    way: Way,
    seeds: Ref,
    pool: Ref,
    routes: Ref | None,
    written: Sequence[Ref],
    earlier: Sequence[Ref] = (),
) -> Ref:
    """Questions made in one way: from seeds (`routes` where they are parted) and `written` instructions, or nothing.

    `earlier` iterations' rows say how hard computed ones were.
    """
    match way:
        case "given":
            return _given(stages, seeds, pool)
        case "constraints":
            return _constrain(stages, seeds, pool, routes, written)
        case "computed":
            return _compute(stages, earlier)
        case "hindsight":
            return _look_back(stages, pool, routes)


def _given(stages: Stages, seeds: Ref, pool: Ref) -> Ref:
    """Those of the pool's seeds that know what is right."""
    store = stages.store

    def save(draft: Draft) -> None:
        there = {seed.id for seed in store.rows(pool, Seed)}
        save_rows(draft, len(there), [question for question in known(store, seeds) if question.seed in there], [])

    return stages.compute(
        "questions", "questions [given]", version=1, config={}, inputs={"seeds": seeds, "pool": pool}, save=save
    )


def _constrain(stages: Stages, seeds: Ref, pool: Ref, routes: Ref | None, written: Sequence[Ref]) -> Ref:
    """Questions from given seeds' instructions, the low ones where seeds are parted, and from `written` instructions.

    Of a seed that knows what is right, answers have to be right as well. What the model wrote in earlier iterations is
    left out: an instruction with constraints would get more of them.
    """
    recipe, store = stages.recipe, stages.store
    config, knows = recipe.verify.constraints, bool(known(store, seeds))

    def save(draft: Draft) -> None:
        asked = store.rows(routes, Seed, "low") if routes else store.rows(pool, Seed)
        given = (seed for seed in asked if seed.origin == "given")
        rows: list[Seed | Written] = [*given, *store.rows(written, Written)]
        knowing = {question.seed: question.checks for question in known(store, seeds)}
        made = constraints.questions(rows, config, stages.number, recipe.sampling_seed, knowing)
        with_some = {question.parents[0] for question in made}
        detail = f"over {config.max_instruction_words} words, or too few words of its own"
        rejects = [_left_out(row, "no constraint", detail) for row in rows if row.id not in with_some]
        save_rows(draft, len(rows), made, rejects)

    return stages.compute(
        "questions",
        "questions [constraints]",
        version=constraints.VERSION,
        config=config.model_dump(mode="json", exclude={"levels"}) | {"level": level_of(config.levels, stages.number)},
        inputs={"seeds": routes or pool, "kinds": digest_of(constraints.FILE), **numbered("written", written)}
        | ({"known": seeds} if knows else {}),
        sampling="iteration",
        save=save,
    )


def _compute(stages: Stages, earlier: Sequence[Ref]) -> Ref:
    """Questions with answers that are computed."""
    recipe, config = stages.recipe, stages.recipe.verify.computed
    known = [stages.store.record(ref).get("difficulty", {}) for ref in earlier]
    levels = computed.levels(config, ChainMap(*reversed(known)))  # the latest that knows of a family

    def save(draft: Draft) -> None:
        made = computed.questions(config.questions, levels, stages.number, recipe.sampling_seed)
        save_rows(draft, len(made), made, [])

    return stages.compute(
        "questions",
        "questions [computed]",
        version=computed.VERSION,
        config={"questions": config.questions, "levels": levels},
        inputs={"wordings": digest_of(computed.FILE)},
        sampling="iteration",
        save=save,
    )


def _look_back(stages: Stages, pool: Ref, routes: Ref | None) -> Ref:
    """Requests that high seeds' responses meet after an edit; a right and a wrong answer to each (table `answers`)."""
    recipe, store = stages.recipe, stages.store
    config = recipe.verify.hindsight
    checked_by = {name: found(name).version for name in kinds(constraints.FILE)}  # what an edit meets, they say

    def save(draft: Draft) -> None:
        seeds = store.rows(routes, Seed, "high") if routes else store.rows(pool, Seed)
        made, answers = hindsight.questions(seeds, config, stages.number, recipe.sampling_seed)
        with_some = {question.seed for question in made}
        detail = "no two edits of it that meet one request each and not the other's"
        rejects = [_left_out(seed, "no opposites", detail) for seed in seeds if seed.id not in with_some]
        save_rows(draft, len(seeds), made, rejects, {"rows": made, "answers": answers})

    return stages.compute(
        "questions",
        "questions [hindsight]",
        version=hindsight.VERSION,
        config=config.model_dump(mode="json") | {"checks": checked_by},
        inputs={"seeds": routes or pool, "kinds": digest_of(constraints.FILE)},
        sampling="iteration",
        save=save,
    )


def check(stages: Stages, way: Way, questions: Ref, answers: Ref) -> Ref:
    """The verdicts. Rejects are the answers that do not pass, each with the reason of the first check that says so."""
    config, store = stages.recipe.verify, stages.store

    def save(draft: Draft) -> None:
        asked, rows = store.rows(questions, Question), answers_in(store, answers)
        checked = verdicts_of.verdicts(asked, rows, config, findings)
        known = Verdicts(asked, checked)
        rejects = [_reject(row, known) for row in rows if not known.passed(row)]
        tables: dict[str, Sequence[Row]] = {"rows": checked}
        save_rows(draft, len(rows), [row for row in rows if known.passed(row)], rejects, tables)
        draft.record["passed"] = pass_rates(checked)

    return stages.compute(
        "check",
        f"check [{way}]",
        version=verdicts_of.VERSION,
        config={"verdicts": config.verdicts, "checks": versions(store.rows(questions, Question))},
        inputs={"questions": questions, "answers": answers},
        save=save,
    )


def known(store: Store, seeds: Ref) -> Sequence[Question]:
    """The questions of those seeds that know what is right."""
    return store.rows(seeds, Question, "questions") if "questions" in store.record(seeds)["rows"] else []


def answers_in(store: Store, ref: Ref) -> Sequence[Answering]:
    """What was sampled and cleaned; of hindsight, what stands beside the questions."""
    return store.rows(ref, Edited, "answers") if ref.stage == "questions" else store.rows(ref, Written)


def pass_rates(checked: Sequence[Checked]) -> dict[str, dict[str, int]]:
    """Of each check: how often it was asked, passed, and could not tell."""
    asked, outcomes = Counter(row.check for row in checked), Counter((row.check, row.outcome) for row in checked)
    return {
        name: {"asked": count, "passed": outcomes[name, "pass"], "cannot tell": outcomes[name, "cannot tell"]}
        for name, count in sorted(asked.items())
    }


def _reject(row: Answering, known: Verdicts) -> Rejected:
    rule = "fails a check" if known.failed(row) else "cannot tell"
    return Rejected.of(row, rule, known.reason(row))


def _left_out(row: Seed | Written, rule: str, detail: str) -> Rejected:
    return Rejected(row=row.id, rule=rule, detail=detail, text=row.instruction, parents=(row.id,))
