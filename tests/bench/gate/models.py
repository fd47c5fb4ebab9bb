"""The models of `make bench-gate`, and what is measured of them: a flow, since stages run as tasks."""

from typing import Any

from prefect import flow

from flows.resources import run_resources
from tasks.engines import models
from tasks.engines.calls import Answer, Call
from tasks.engines.processes import launch
from tasks.engines.processes.job import Job
from tasks.evaluate import held_out
from tasks.evaluate import steps as evaluating
from tasks.evaluate.benchmarks import requests as benchmarks
from tasks.evaluate.benchmarks import steps as benchmarking
from tasks.evaluate.benchmarks.requests import ItemScore, Request
from tasks.evaluate.evidence import Evidence
from tasks.execution.prefect_tasks import Say, compute, run
from tasks.execution.runner import PrefectRunner
from tasks.execution.stage import Stages, save_rows
from tasks.recipe.recipe import Recipe
from tasks.review import steps as reviewing
from tasks.seeds import steps as seeding
from tasks.store.artifacts import Draft, Ref, Spec
from tasks.store.examples import Example, TrainRow
from tasks.store.home import ROOT, Home
from tasks.store.rows import Measured, Seed
from tasks.train import steps as training
from tests.bench.gate.tables import plain

NOISE = {"gross": 0.5, "clear": 0.15, "slight": 0.03}  # standard deviation, of each matrix's own
SHUFFLED = {"gross": 1.0, "clear": 0.5, "slight": 0.1}  # of the way to the model that was trained on others' answers
GAINS = {"25%": 0.25, "50%": 0.5, "100%": 1.0}
JUDGED = ("M_0", "trained, 100%")  # as reviewers: what goes wrong there is planted, and takes minutes a model to ask


class Bench:
    def __init__(self, runner: PrefectRunner, seeds: Ref, items: Ref):
        self.runner, self.seeds, self.items = runner, seeds, items
        self.stages = Stages(runner, 1, items=items)

    def models(self, base: Ref) -> dict[str, Ref]:
        pool = seeding.pool(self.stages, self.seeds, [])
        own = training.mix(self.stages, [], [], pool, self.seeds)
        trained = training.sft(self.stages, base, own)
        badly = training.sft(self.stages, base, self._others_answers(own))
        found = {"M_0": base}
        found |= {f"noise, {dose}": self._of_weights(base, noise=noise) for dose, noise in NOISE.items()}
        found |= {f"shuffled answers, {dose}": self._towards(base, badly, part) for dose, part in SHUFFLED.items()}
        return found | {f"trained, {part}": self._towards(base, trained, share) for part, share in GAINS.items()}

    def measured(self, name: str, model: Ref) -> Evidence:
        found = evaluating.measure(self.stages, name, model, self.seeds)
        if name in JUDGED:
            judge = reviewing.meta_evaluate(self.stages, model, self.seeds, f"anchors of {name}", f"judge [{name}]")
            found |= {"judge": judge} if judge else {}
        return evaluating.evidence(self.stages, found)

    def sampled(self, name: str, model: Ref, draw: int) -> Evidence:
        """What the same model says when it is sampled; likelihoods are what they were."""
        stages, config = self.stages, self.stages.recipe.evaluate
        requests = stages.store.rows(self.items, Request, "requests")
        items = held_out.items(stages.store.rows(self.seeds, Seed, "held_out"), config)
        warm = [
            call.model_copy(update={"temperature": 0.7, "seed": draw} if call.kind == "write" else {})
            for call in [*held_out.calls(items, config), *benchmarks.calls(requests)]
        ]

        def save(draft: Draft, asked: list[Call], answers: list[Answer]) -> None:
            count = len(asked) - len(requests)
            rows = held_out.measured(asked[:count], answers[:count], model.digest)
            replies = benchmarks.replies(requests, answers[count:])
            save_rows(draft, len(asked), [], [], tables={"held_out": rows, "rows": replies})

        replies = stages.infer(
            "sampled",
            name,
            version=1,
            config={"draw": draw},
            inputs={"seeds": self.seeds, "items": self.items},
            model=model,
            calls=lambda _: warm,
            save=save,
        )
        scores = benchmarking.scores(stages, name, model, self.items, replies)
        return Evidence(
            held_out=stages.store.rows(replies, Measured, "held_out"), scores=stages.store.rows(scores, ItemScore)
        )

    def _towards(self, base: Ref, trained: Ref, share: float) -> Ref:
        return trained if share == 1 else self._of_weights(base, towards=trained, share=share)

    def _of_weights(self, model: Ref, **how: Ref | float) -> Ref:
        path = self.stages.store.path
        told = {name: one.digest if isinstance(one, Ref) else one for name, one in how.items()}
        given = {name: str(path(one)) if isinstance(one, Ref) else one for name, one in how.items()}
        spec = Spec(stage="weights", version=1, config=told, inputs={"model": model.digest})
        runner = self.runner
        work = runner.work / f"weights-{spec.fingerprint}"
        job = Job(store=runner.store.root, spec=spec, work=work, given=given | {"model": str(path(model))})

        def make(say: Say) -> None:
            with runner.progress.bar("weights") as bar:  # the model environment knows no tests by itself
                launch.run("tests.bench.gate.weights", job, bar.heard(say), env={"PYTHONPATH": str(ROOT)})

        return run(compute, spec, "weights", runner.store, make)

    def _others_answers(self, mixed: Ref) -> Ref:
        """The training rows, each with the response of another."""

        def save(draft: Draft) -> None:
            rows = self.stages.store.rows(mixed, TrainRow, "sft")
            others = [rows[i - 1].response for i in range(len(rows))]
            draft.table("sft", [_answered(row, other) for row, other in zip(rows, others, strict=True)])

        return self.stages.compute(
            "others", "others' answers", version=1, config={}, inputs={"mixed": mixed}, save=save
        )


def _answered(row: TrainRow, response: str) -> TrainRow:
    return TrainRow.model_validate(row.model_dump(exclude={"id"}) | {"response": response}, context=Example)


@flow(name="bench gate", validate_parameters=False, persist_result=False)
def measure_all(home: Home, recipe: Recipe) -> dict[str, Any]:
    with run_resources(recipe, home) as runner:
        with runner.progress.bar(f"model {recipe.model}") as bar:
            base = models.starting_model(recipe.model, runner.store, home.work, bar.hear)
        seeds, items = seeding.take_in_seeds(Stages(runner, 0)), benchmarking.items(Stages(runner, 0))
        assert items
        bench = Bench(runner, seeds, items)
        found = {name: bench.measured(name, model) for name, model in bench.models(base).items()}
        for draw in (1, 2):
            found[f"sampled {draw}"] = bench.sampled(f"sampled {draw}", base, draw)
        leakable = runner.store.rows(items, Seed, "items")
    return {
        "evidence": {name: plain(one) for name, one in found.items()},
        "items": [row.model_dump(mode="json") for row in leakable],
        "gate": recipe.gate.model_dump(mode="json"),
    }
