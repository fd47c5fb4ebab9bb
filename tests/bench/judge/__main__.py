"""How well the reviewer sees: AUC on held-out anchors, for each signal alone and for the calibrated whole.

    make bench-judge [ARGS="--data FOLDER --home FOLDER"]

The reviewer is fitted on anchors of the shipped seeds and of the training rows of the self-instruct seed tasks, and
measured on anchors of the measuring rows (responses of at least 10 words, several draws of each corruption). Without
that data, half of the shipped seeds take its place, and the figures say so. Intervals are clustered by seed. Asking is
slow (`read`) or very slow (`sampled`), so the first few measuring seeds are asked. Raw scores stay in a file, which
tests/bench/judge/tables.py makes the tables of.

    make bench-judge ARGS="--home FOLDER --teach"

goes on from an earlier run with the model after teaching: SFT on graded reviews made from one half of the seeds; the
reviewer is fitted on the other half, as is the model before it, since what was trained on is likely whatever it is
worth. The last line is JSON: the calibrated whole without length on the model as it is, and the path of the raw scores.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from tasks.engines.calls import Answer, Call
from tasks.engines.journal import Journal
from tasks.engines.lifecycle import Engines
from tasks.engines.models import starting_model
from tasks.engines.processes import launch, platform
from tasks.engines.processes.job import Job
from tasks.engines.processes.progress import Progress
from tasks.recipe.recipe import load
from tasks.recipe.review import AnchorsConfig, CalibrationConfig, ReviewConfig, SampledConfig, SignalsConfig
from tasks.recipe.training import SftConfig
from tasks.review import anchors, calibration, canaries, constitution, skill
from tasks.review.reviewer import Reviewer
from tasks.review.signals.collect import Collector
from tasks.seeds.reading import read
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.examples import TrainRow
from tasks.store.home import ROOT, Home
from tasks.store.reviews import Anchor, Signals
from tasks.store.rows import Seed, digest
from tasks.store.tables import some
from tests.bench.judge.tables import WHOLE, show
from tests.bench.seeds import seed_tasks

FIT_SEEDS, DRAWS = 110, 2
OURS = SignalsConfig(use=("likelihood", "contrast"))
# Asking is slower: of so many measuring seeds.
ASKED = {
    "read": (SignalsConfig(use=("read",)), 12),
    "read, each principle": (SignalsConfig(use=("read",), read="principles"), 6),
    "sampled": (SignalsConfig(use=("sampled",), sampled=SampledConfig(max_new_tokens=128, retries=0)), 6),
}
SKILL_ROWS = 200
CANARIES, ASKED_CANARIES = 100, 26
TRAINER = "tasks.train.jobs.trl"
TEACHING = SftConfig(learning_rate=2e-4, batch_rows=8, epochs=1, max_tokens=768)
ALONE = ("response_mean", "response_gain", "response_end", "contrast_least")


class Bench:
    def __init__(self, home: Home):
        self.home, self.store, self.platform = home, Store(home.store), platform.detect()
        self.recipe = load("demo")
        self.progress = Progress()
        self.engines = Engines(self.store, self.recipe.engine, self.platform, home.logs, self.progress)
        self._costs = home.work / "costs.jsonl"

    def ask(self, model: Ref, name: str, calls: list[Call], items: int) -> dict[str, Answer]:
        """Answers from a journal, or asked now: a run that was stopped goes on."""
        journal = Journal(self.home.work / f"{model.digest[:8]}-{name}.jsonl")
        there = set(journal.answers)
        if any(call.key not in there for call in calls):
            client = self.engines.client(model)  # its start is no cost of the signal that happens to come first
            started = time.monotonic()
            with self.progress.bar(name, len(calls)) as bar:
                answers = client.ask(calls, journal, lambda _: bar.advance(1))
            self._keep_cost(f"{name} ({model.digest[:8]})", started, items, [a for a in answers if a.call not in there])
        return {call.key: journal.answers[call.key] for call in calls}

    def costs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._costs.read_text().splitlines()]

    def _keep_cost(self, asked: str, started: float, items: int, answers: list[Answer]) -> None:
        prompt, new = sum(a.prompt_tokens for a in answers), sum(a.new_tokens for a in answers)
        cost = {"asked": asked, "items": items, "seconds": time.monotonic() - started}
        with self._costs.open("a") as file:
            file.write(json.dumps(cost | {"requests": len(answers), "prompt": prompt, "new": new}) + "\n")

    def anchors(self, model: Ref, name: str, seeds: list[Seed], draws: int) -> list[Anchor]:
        own = anchors.OwnTexts(seeds, AnchorsConfig(), 1)
        calls = own.calls()
        answers = self.ask(model, f"own texts, {name}", calls, len(calls))
        return anchors.human(seeds, draws) + own.anchors([answers[call.key] for call in calls])

    def signals(self, model: Ref, name: str, rows: list[Anchor], config: SignalsConfig = OURS) -> list[Signals]:
        collector = Collector(config, model.digest, 1)
        return collector.rows(rows, self.ask(model, name, collector.calls(rows, {}), len(rows)))

    def taught(self, model: Ref, seeds: list[Seed]) -> Ref:
        """The model after SFT on graded reviews and the seeds themselves."""
        rows = [TrainRow.of(seed) for seed in seeds]
        rows += some(skill.rows(anchors.human(seeds, 1), constitution.load()), SKILL_ROWS)
        of_rows = Spec(stage="teach", version=1, inputs={"rows": digest([row.id for row in rows])})
        if self.store.find(of_rows) is None:
            with self.store.draft(of_rows) as draft:
                draft.table("sft", rows)
        spec = Spec(stage="sft", version=1, inputs={"model": model.digest, **of_rows.inputs})
        given = {
            "method": "sft",
            "model": str(self.store.path(model)),
            "rows": str(self.store.path(of_rows) / "sft.parquet"),
            "config": TEACHING.model_dump(mode="json"),
            "reference": "",
            "device_rows": self.recipe.trainer.device_rows,
            "save_steps": 10,
            "seed": 1,
        }
        job = Job(store=self.store.root, spec=spec, work=self.home.work / "teach", given=given)
        device = self.engines.device
        with self.engines.resting(beside=False), self.progress.bar("teach") as bar:
            launch.train("tasks.train.jobs.trl", job, bar.hear, self.platform, device, deadline_s=None)
        found = self.store.find(spec)
        assert found
        return found


def figures(bench: Bench, model: Ref, fit_on: list[Seed], measure_on: list[Seed]) -> dict[str, Any]:
    """Scores of all measured anchors by every way of judging, and what each way is worth."""
    known, asked = (
        bench.anchors(model, name, seeds, draws)
        for name, seeds, draws in (("to fit", fit_on, 1), ("to measure", measure_on, DRAWS))
    )
    fitted, looks = (
        bench.signals(model, "likelihood and contrast, to fit", known),
        bench.signals(model, "likelihood and contrast, to measure", asked),
    )
    principles = constitution.load().weighted(bench.recipe.review.weights)
    scores: dict[str, list[float | None]] = {}
    attacked, moved = canaries.canaries(measure_on, CANARIES), dict[str, canaries.Shift | None]()
    half = {row.seed for row in known} - {seed.id for seed in fit_on[1::2]}
    of_half = [i for i, row in enumerate(known) if row.seed in half]
    ways = {WHOLE: (False, range(len(known))), "calibrated with length": (True, range(len(known)))}
    for name, (length, rows) in (ways | {"calibrated on half": (False, of_half)}).items():
        config = CalibrationConfig(length=length)
        fit = calibration.fit([known[i] for i in rows], [fitted[i] for i in rows], config)
        scores[name] = [principles.score(fit.holds(look.found())) for look in looks]
        if name == WHOLE:
            of_attacked = bench.signals(model, "likelihood and contrast, canaries", attacked)
            moved[name] = canaries.shift(
                attacked, {look.item: principles.score(fit.holds(look.found())) for look in of_attacked}
            )
    scores |= {name: [look.found()[name] for look in looks] for name in ALONE}
    for way, (wanted, seeds) in ASKED.items():
        few = [row for row in asked if row.seed in {seed.id for seed in measure_on[:seeds]}]
        few_attacked = attacked[: 2 * ASKED_CANARIES]
        reviewer = Reviewer(ReviewConfig(score=wanted.use[0]), constitution.load(), None)  # type: ignore[arg-type]
        seen = bench.signals(model, f"{way}, to measure", [*few, *few_attacked], wanted)
        given = {one.item: one.score for one in map(reviewer.review, seen) if one.score is not None}
        scores[way] = [given.get(row.id) for row in asked]
        moved[way] = canaries.shift(few_attacked, given)
    return {
        "anchors": [row.model_dump(mode="json") for row in asked],
        "scores": scores,
        "canaries": {way: one and one.model_dump(mode="json") for way, one in moved.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--home", type=Path, help="go on from an earlier run")
    parser.add_argument("--teach", action="store_true", help="the same after teaching, too")
    given = parser.parse_args()
    home = Home(given.home or Path(tempfile.mkdtemp(prefix="lance-bench-")))
    bench = Bench(home)
    shipped = read(ROOT / "deployments" / "seeds" / "everyday.jsonl", bench.recipe.reading, lambda _: None).seeds
    try:
        train, measure = seed_tasks(given.data)
        fit_on = some(shipped + train, FIT_SEEDS)
    except FileNotFoundError:
        print(f"no {given.data}: half of the shipped seeds are measured on instead", file=sys.stderr)
        fit_on, measure = list(shipped[::2]), list(shipped[1::2])
    model = starting_model(bench.recipe.model, bench.store, home.work, lambda what: print(what, file=sys.stderr))
    started = time.monotonic()
    with bench.progress.showing():
        try:
            found = {"untaught": figures(bench, model, fit_on, measure)}
            if given.teach:
                taught = bench.taught(model, fit_on[1::2])
                found["taught"] = figures(bench, taught, fit_on[::2], measure)
        finally:
            bench.engines.close()
    raw = home.root / "judge.json"
    raw.write_text(json.dumps(found | {"costs": bench.costs()}))
    seconds = round(time.monotonic() - started)
    print(json.dumps({"seconds": seconds, "raw": str(raw), "auc": show(raw, Console(width=240))}))


if __name__ == "__main__":
    main()
