"""Write: new instructions and answers from low seeds, flawed and ordinary responses from high ones; clean them."""

from collections.abc import Callable, Sequence

from tasks import clean as rules
from tasks import write
from tasks.artifacts import Draft, Ref
from tasks.calls import Answer, Call
from tasks.records import Row, Seed, Written
from tasks.steps.base import Stages, save_rows


def instructions(stages: Stages, model: Ref, routes: Ref) -> Ref:
    return _write(stages, "instructions", model, routes, lambda: stages.store.rows(routes, Seed, "low"))


def answers(stages: Stages, model: Ref, asked: Ref) -> Ref:
    return _write(stages, "answers", model, asked, lambda: stages.store.rows(asked, Written))


def flawed(stages: Stages, model: Ref, routes: Ref) -> Ref:
    return _write(stages, "flawed", model, routes, lambda: stages.store.rows(routes, Seed, "high"))


def ordinary(stages: Stages, model: Ref, routes: Ref) -> Ref:
    return _write(stages, "ordinary", model, routes, lambda: stages.store.rows(routes, Seed, "high"))


def clean(stages: Stages, what: str, written: Ref, pool: Ref) -> Ref:
    apply = rules.instructions if what == "instructions" else rules.responses

    def save(draft: Draft) -> None:
        rows = stages.store.rows(written, Written)
        kept, rejects = apply(rows, stages.store.rows(pool, Seed), stages.recipe.clean)
        save_rows(draft, len(rows), kept, rejects)

    spec = stages.spec("clean", rules.VERSION, stages.recipe.clean, {"written": written, "pool": pool})
    return stages.compute(f"clean [{what}]", spec, save)


def _write(stages: Stages, what: str, model: Ref, source: Ref, rows: Callable[[], Sequence[Row]]) -> Ref:
    config = stages.recipe.write
    writer = write.WRITERS[what](config, model.digest, stages.number, stages.recipe.sampling_seed)

    def save(draft: Draft, asked: list[Call], answers: list[Answer]) -> None:
        save_rows(draft, len(asked), writer.rows(rows(), asked, answers), [])

    inputs = {"model": model, "source": source}
    spec = stages.spec(f"write-{what}", write.VERSION, config, inputs, writer.used_prompts, sampling=True)
    return stages.infer(f"write [{what}]", spec, model, lambda _: writer.calls(rows()), save)
