"""Write, in rounds: from low seeds instructions and answers, from high ones flawed and ordinary responses; clean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from tasks.clean import rules
from tasks.engines.calls import Answer, Call
from tasks.execution.stage import Stages, in_round, numbered, save_rows
from tasks.recipe.data import Branch, CleanRule
from tasks.recipe.verification import Way
from tasks.store.artifacts import Draft, Ref
from tasks.store.rows import Row, Seed, Written
from tasks.store.tables import column, some, where
from tasks.store.verified import Question
from tasks.verify.questions import constraints
from tasks.verify.questions.kinds import digest_of
from tasks.verify.steps import known
from tasks.write import target, writers

RESPONSES = ("answers", "flawed", "ordinary")
WAYS: tuple[Way, ...] = ("given", "constraints", "computed")
UNFIT_FOR_QUESTIONS: tuple[CleanRule, ...] = (
    *("too_short", "too_long", "boilerplate", "language", "duplicate", "overlap", "near_duplicate"),
)


@dataclass(frozen=True)
class Round:
    """What one round wrote, by kind: as the model wrote it, and what cleaning left. A round may leave a branch out."""

    number: int
    written: dict[str, Ref]
    clean: dict[str, Ref]

    @property
    def responses(self) -> dict[str, Ref]:
        return {what: ref for what, ref in self.clean.items() if what in RESPONSES}


def write_round(
    stages: Stages,
    model: Ref,
    *,
    routes: Ref,
    pool: Ref,
    seeds: Ref,
    branches: Sequence[Branch],
    earlier: Sequence[Round],
) -> Round:
    """New instructions and answers from low seeds, flawed and ordinary responses from high ones, cleaned.

    What earlier rounds of the iteration wrote is known to the rules, and no sample is drawn twice. Where the target's
    candidates would not last for a whole round, it works on as many seeds of each side as they do for.
    """
    store, made = stages.store, Round(len(earlier) + 1, {}, {})
    sides = [store.rows(routes, Seed, side) for side in ("low", "high")]
    before = candidates(stages, earlier)
    counts = target.seeds_of_a_round(len(sides[0]), len(sides[1]), before, branches, stages.recipe)
    low, high = (some(side, n) if n < len(side) else side for side, n in zip(sides, counts, strict=True))
    part = {"seeds": counts} if counts != (len(sides[0]), len(sides[1])) else {}

    def write_one(what: str, source: Ref, rows: Callable[[], Sequence[Row]], shaped: Mapping[str, str] = {}) -> Ref:
        shaped_by = {"round": made.number, **part, **shaped}
        made.written[what] = _write(stages, what, model, source, rows, shaped_by)
        before = [round.written[what] for round in earlier if what in round.written]
        made.clean[what] = _clean(stages, what, made.written[what], before, pool, seeds, made.number)
        return made.clean[what]

    if "sft" in branches:
        asked = write_one("instructions", routes, lambda: low)
        write_one("answers", asked, lambda: store.rows(asked, Written))
    if "preference" in branches:
        write_one("flawed", routes, lambda: high)
        if stages.recipe.write.ordinary_per_high_seed:
            # Whether another answer to what a seed knows is better is for rules to say, and not for a score.
            knowing = set(column(known(store, seeds), "seed"))
            others = where(high, [seed not in knowing for seed in column(high, "id")])
            write_one("ordinary", routes, lambda: others, {"known": seeds.digest} if knowing else {})
    return made


def sample(stages: Stages, way: Way, model: Ref, questions: Ref, pool: Ref, seeds: Ref) -> Ref:
    """Many answers to each question that rules can check; what cleaning left of them."""
    store, config = stages.store, stages.recipe.verify
    writer = writers.SampleWriter(
        config, model.digest, stages.number, stages.recipe.sampling_seed, constraints.example_of
    )

    def save(draft: Draft, asked: list[Call], answers: list[Answer]) -> None:
        save_rows(draft, len(asked), writer.rows(store.rows(questions, Question), asked, answers), [])

    shaped_by = {"samples", "temperature", "min_p", "max_new_tokens"}
    written = stages.infer(
        "write-samples",
        f"write [{way}]",
        version=writers.VERSION,
        config=config.model_dump(mode="json", include=shaped_by),
        inputs={"source": questions, "kinds": digest_of(constraints.FILE)},
        sampling="iteration",
        model=model,
        calls=lambda _: writer.calls(store.rows(questions, Question)),
        save=save,
    )
    return _clean(stages, way, written, [], pool, seeds, 1)


def rounds_of(made: Mapping[str, Ref]) -> list[Round]:
    """The rounds of an iteration that is done, from its artifacts by label."""
    found: list[Round] = []
    for number in count(1):
        kinds = [what for what in ("instructions", *RESPONSES) if f"clean [{in_round(what, number)}]" in made]
        if not kinds:
            return found
        written, clean = ({k: made[f"{stage} [{in_round(k, number)}]"] for k in kinds} for stage in ("write", "clean"))
        found.append(Round(number, written, clean))
    raise AssertionError("count ends nowhere")


def _clean(stages: Stages, what: str, written: Ref, earlier: Sequence[Ref], pool: Ref, seeds: Ref, round: int) -> Ref:
    field: Literal["instruction", "response"] = "instruction" if what == "instructions" else "response"
    config = stages.recipe.clean
    # A question may ask for one word, in capitals, or as a list of what stands in the seed; and equal answers to two
    # questions, or of all samples to one, say how often the model is right.
    if what in WAYS:
        config = config.model_copy(update={"without": tuple(sorted({*config.without, *UNFIT_FOR_QUESTIONS}))})

    def save(draft: Draft) -> None:
        rows, items = stages.store.rows([*earlier, written], Written), stages.not_to_train_on(seeds)
        mine = set(stages.store.rows(written, Written).column("id"))
        kept, rejects = rules.clean(rows, field, stages.store.rows(pool, Seed), items, config, stages.store.kept)
        kept = where(kept, [row in mine for row in column(kept, "id")])
        save_rows(draft, len(mine), kept, [reject for reject in rejects if reject.row in mine])

    inputs: dict[str, Ref | str] = {"written": written, "pool": pool, "seeds": seeds, **stages.measured_on}
    return stages.compute(
        "clean",
        f"clean [{in_round(what, round)}]",
        version=rules.VERSION,
        config=config,
        inputs=inputs | numbered("before", earlier),
        save=save,
    )


def candidates(stages: Stages, rounds: Sequence[Round]) -> int:
    """Texts that these rounds wrote, new instructions among them."""
    return len(stages.store.rows((ref for round in rounds for ref in round.written.values()), Written))


def _write(
    stages: Stages, what: str, model: Ref, source: Ref, rows: Callable[[], Sequence[Row]], shaped: dict[str, Any]
) -> Ref:
    config = stages.recipe.write
    round = shaped["round"]
    writer = writers.WRITERS[what](config, model.digest, stages.number, stages.recipe.sampling_seed, round)

    def save(draft: Draft, asked: list[Call], answers: list[Answer]) -> None:
        save_rows(draft, len(asked), writer.rows(rows(), asked, answers), [])

    return stages.infer(
        f"write-{what}",
        f"write [{in_round(what, round)}]",
        version=writers.VERSION,
        config=config.model_dump(mode="json") | shaped,
        inputs={"source": source},
        prompts=writer.used_prompts,
        sampling="iteration",
        model=model,
        calls=lambda _: writer.calls(rows()),
        save=save,
    )
