"""Evolutions that are compared: run in one home, and what was measured of them read back."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tasks.engines.processes.platform import processor_flags
from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evolution.ledger import Iteration, read
from tasks.recipe.recipe import load
from tasks.store.artifacts import Store
from tasks.store.home import ROOT, Home
from tasks.store.rows import Measured
from tests.bench.evolution.arms import Arm, Values, axes
from tests.bench.seeds import seed_files
from tests.support.evolution import LANCE

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

    def measured(self, one: Iteration, who: str) -> Values:
        """Values by axis and document."""
        held_out = self.store.rows(one.stages[f"evaluate [{who}]"], Measured)
        found: Values = {"log_likelihood": {row.item: row.log_likelihood for row in held_out}}
        for label in (f"scores [{who}]", f"test panels [{who}]" if self.whole else f"panels [{who}]"):
            for score in self.store.rows(one.stages[label], ItemScore):
                found.setdefault(score.benchmark, {})[score.item] = score.value
        return found

    def arm(self, name: str, seed: int, one: Iteration, first: Iteration | None = None) -> Arm | None:
        """What an iteration reached, over what the first one began with; None where it came to no candidate."""
        if not one.candidate:
            print(f"{name}, training seed {seed}: no candidate: {'; '.join(one.verdict.reasons)}", file=sys.stderr)
            return None
        trained = {method: self.store.record(ref) for method, ref in one.stages.items() if method in ("sft", "dpo")}
        tokens = {method: int(record["trained_tokens"]) for method, record in trained.items()}
        epochs = {method: record.get("epochs", 0) for method, record in trained.items()}
        mix = self.store.record(one.stages["mix"])["counts"]
        found = axes(self.measured(first or one, "champion"), self.measured(one, "candidate"))
        minutes = round(one.seconds / 60, 1)
        return Arm(name, seed, found, tokens, epochs, mix, one.verdict.decision, minutes, processor())


def processor() -> str:
    """Cores, and the flags that decide about speed and number format."""
    flags = sorted(processor_flags() & {"avx2", "avx512f", "avx512_bf16", "amx_bf16"})
    return " ".join((f"{os.cpu_count()} cores", *flags))
