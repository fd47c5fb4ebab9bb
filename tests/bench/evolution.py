"""Whether a model gets better by evolving, and more so than under every control.

    make bench-evolution [ARGS="--home FOLDER --data FOLDER --hours H --only ARM ..."]

`robust` runs for three iterations; each control for one, on as many training tokens as the first of `robust`. Worked on
are the shipped seeds and the training rows of the self-instruct seed tasks. Measured, on what nothing was trained on or
tuned on, are the panels' test part, IFEval whole (its kinds that are trained on and the others apart), `choices`, and
the likelihood of the measuring rows. What a recipe trains on is made once; each training is done from three seeds.
Intervals are bootstraps over training seeds, then documents (tests/bench/evolution_tables.py).

Everything is in the store of --home. A run that was stopped goes on with the same command, and one that has spent
--hours stops before the next training; the table of what is there is written after each one. The last line is JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evolution.ledger import Iteration, read
from tasks.recipe.recipe import load
from tasks.store.artifacts import Store
from tasks.store.home import ROOT, Home
from tasks.store.rows import Measured
from tests.bench.ablations import seed_files
from tests.bench.evolution_tables import Arm, Table
from tests.support.evolution import LANCE

ITERATIONS = 3
TRAINING_SEEDS = (1, 2, 3)
CONTROLS = ("shuffled-verdicts", "unverified", "seed-sft", "random-scores")
IFEVAL = {
    "task": "ifeval_offline",
    "name": "ifeval",
    "metric": "inst_level_strict_acc",
    "also": {"ifeval_prompts": "prompt_level_strict_acc", "ifeval_trained": "trained_kinds"}
    | {"ifeval_others": "other_kinds"},
    "in_gate": False,
}


@dataclass
class Bench:
    """Evolutions in one home, one for each arm and training seed, named ARM-SEED."""

    home: Home
    data: Path
    whole: bool = True  # IFEval and the panels' test part, too, beside what the gate asks

    def __post_init__(self) -> None:
        self.store = Store(self.home.store)
        self.seeds, self.held_out = seed_files(self.home.root, self.data)

    def evolve(self, arm: str, seed: int, iterations: int, *settings: str, name: str = "") -> list[Iteration]:
        """The arm's iterations; those that are there are found in the store."""
        name, given = name or f"{arm}-{seed}", [f"held_out={self.held_out}", f"training_seed={seed}"]
        if self.whole:
            ifeval = IFEVAL | {"data": str(self.data / "ifeval_prompts.jsonl")}
            panel = [one.model_dump(exclude_defaults=True) for one in load(arm).evaluate.benchmarks]
            given += [f"evaluate.benchmarks={json.dumps([*panel, ifeval])}"]
        else:
            given += ["evaluate.test_panels=false"]
        # IFEval's answers are long: with the default's 2 GiB half of the requests wait for the others' memory.
        given += ["gate.min_items=10", "engine.kv_cache_gib=6", *settings]
        chosen = [part for setting in given for part in ("--set", setting)]
        command = [*LANCE, "evolve", arm, "--name", name, "--seeds", str(self.seeds), *chosen]
        print(f"{name}: {' '.join(settings)}", file=sys.stderr, flush=True)
        environment = os.environ | {"LANCE_HOME": str(self.home.root)}
        with (self.home.root / "bench.log").open("a") as log:
            asked = [*command, "--iterations", str(iterations)]
            subprocess.run(asked, check=True, cwd=ROOT, env=environment, stdout=log, stderr=log)
        ledger = read(self.home.ledger(name))
        assert ledger
        return ledger.iterations[:iterations]

    def measured(self, one: Iteration, who: str) -> dict[str, dict[str, float]]:
        """Values by axis and document."""
        held_out = self.store.rows(one.stages[f"evaluate [{who}]"], Measured)
        found = {"log_likelihood": {row.item: row.log_likelihood for row in held_out}}
        for label in (f"scores [{who}]", f"test panels [{who}]" if self.whole else f"panels [{who}]"):
            for score in self.store.rows(one.stages[label], ItemScore):
                found.setdefault(score.benchmark, {})[score.item] = score.value
        return found

    def tokens(self, one: Iteration) -> dict[str, int]:
        return {
            method: int(self.store.record(one.stages[method])["trained_tokens"])
            for method in ("sft", "dpo")
            if method in one.stages
        }

    def arms(self, only: list[str]) -> Iterator[tuple[Arm, dict[str, dict[str, float]]]]:
        """Each arm as it is done, with what the starting model reached: the first seeds of all arms first."""
        for seed in TRAINING_SEEDS:
            (first,) = self.evolve("robust", seed, 1)
            base, tokens = self.measured(first, "champion"), self.tokens(first)
            yield self.arm("robust 1", seed, first), base
            for control in only:
                whole = [f"sft.tokens={sum(tokens.values())}"]
                same = [f"{method}.tokens={count}" for method, count in tokens.items()]
                both = control in ("shuffled-verdicts", "random-scores")
                (one,) = self.evolve(control, seed, 1, *(same if both else whole))
                yield self.arm(control, seed, one), base
        for seed in TRAINING_SEEDS:
            first, *later = self.evolve("robust", seed, ITERATIONS)
            base = self.measured(first, "champion")
            for one in later:
                yield self.arm(f"robust {one.number}", seed, one), base

    def arm(self, name: str, seed: int, one: Iteration) -> Arm:
        assert one.candidate, f"{name}: no candidate: {one.verdict.reasons}"
        mix = self.store.record(one.stages["mix"])["counts"]
        measured = self.measured(one, "candidate")
        return Arm(name, seed, measured, self.tokens(one), mix, one.verdict.decision, one.seconds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--home", type=Path, default=ROOT / ".lance" / "bench-evolution")
    parser.add_argument("--hours", type=float, default=10.0, help="begin nothing more after so many")
    parser.add_argument("--only", nargs="*", default=CONTROLS, help="these controls")
    given = parser.parse_args()
    if not given.data.exists():
        sys.exit(f"no {given.data}: this needs the seed tasks and IFEval's prompts there, or --data FOLDER")
    started, bench = time.monotonic(), Bench(Home(given.home), given.data)
    table, raw = Table(), given.home / "evolution.json"
    for arm, base in bench.arms(given.only):
        table.add(arm, base)
        raw.write_text(json.dumps(table.figures(), indent=1))
        table.show(Console(width=200, stderr=True))
        if time.monotonic() - started > 3600 * given.hours:
            print(f"{given.hours} hours are spent; the same command goes on", file=sys.stderr)
            break
    print(json.dumps(table.summary() | {"raw": str(raw)}))


if __name__ == "__main__":
    main()
