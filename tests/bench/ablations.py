"""What the loop and each part of it does to the held-out figures: `robust`, its ablations, and the controls.

    make bench-ablations [ARGS="--home FOLDER --data FOLDER --set KEY=VALUE ..."]

`robust` runs for three iterations, every other recipe for one, on as many training tokens as the first of `robust`
(SFT and DPO together). Worked on are the shipped seeds and the training rows of the self-instruct seed tasks; measured
are the measuring rows with a response of at least 10 words, the shipped panel and 120 prompts of IFEval. The figures
are each candidate against the starting model, whatever the gate said of it; intervals are paired bootstraps over the
measured items, and say nothing of the luck of a training run: `--sampling-seeds 1 2 3` makes one iteration of each with
other samples, other orders and other beginnings of LoRA. Everything is in the store of --home: a run that was stopped
goes on with the same command.
The last line is JSON: the path of the table's figures.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tasks.evaluate import gate
from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evaluate.evidence import Evidence
from tasks.evolution.ledger import Iteration, read
from tasks.recipe.evaluation import GateConfig
from tasks.recipe.recipe import load
from tasks.store.artifacts import Store
from tasks.store.home import ROOT, Home
from tasks.store.rows import Measured
from tests.bench.seeds import seed_files
from tests.support.evolution import LANCE

ITERATIONS = 3
IFEVAL_ITEMS = 120
HELD_OUT = ("log_likelihood", "preference")
OTHERS = ("sft-branch-only", "preference-branch-only", "seed-sft", "self-instruct", "random-scores")


class Bench:
    def __init__(self, home: Home, data: Path, settings: list[str]):
        self.home, self.store = home, Store(home.store)
        self.seeds, held_out = seed_files(home.root, data)
        panel = [one.model_dump(exclude_defaults=True) for one in load("robust").evaluate.benchmarks]
        ifeval = {"task": "ifeval_offline", "name": "ifeval", "items": IFEVAL_ITEMS}
        measured = [*panel, ifeval | {"data": str(data / "ifeval_prompts.jsonl")}]
        self.settings = [f"held_out={held_out}", f"evaluate.benchmarks={json.dumps(measured)}", *settings]

    def evolve(self, recipe: str, iterations: int, sampling_seed: int, *settings: str) -> list[Iteration]:
        name = recipe if sampling_seed == 1 else f"{recipe}-{sampling_seed}"
        given = [*self.settings, f"sampling_seed={sampling_seed}", *settings]
        chosen = [part for setting in given for part in ("--set", setting)]
        command = [*LANCE, "evolve", recipe, "--name", name, "--seeds", str(self.seeds), *chosen]
        command += ["--iterations", str(iterations)]
        print(f"{name}: {' '.join(chosen)}", file=sys.stderr, flush=True)
        environment = os.environ | {"LANCE_HOME": str(self.home.root)}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        ledger = read(self.home.ledger(name))
        assert ledger
        return ledger.iterations[:iterations]

    def trained_tokens(self, one: Iteration) -> dict[str, int]:
        records = {method: self.store.record(one.stages[method]) for method in ("sft", "dpo") if method in one.stages}
        return {method: record["trained_tokens"] for method, record in records.items()}

    def measured(self, one: Iteration, who: str) -> Evidence:
        held_out = self.store.rows(one.stages[f"evaluate [{who}]"], Measured)
        return Evidence(held_out=held_out, scores=self.store.rows(one.stages[f"scores [{who}]"], ItemScore))

    def figures(self, name: str, one: Iteration, base: Evidence) -> dict[str, Any]:
        found: dict[str, Any] = {"name": name, "verdict": one.verdict.decision, "reasons": one.verdict.reasons}
        counts = self.store.record(one.stages["mix"])["counts"] if "mix" in one.stages else {}
        found |= {"rows": counts, "tokens": self.trained_tokens(one), "seconds": one.seconds}
        found |= {"sampling_seed": one.recipe["sampling_seed"]}
        if one.candidate is None:
            return found | {"axes": []}
        axes = gate.decide(base, self.measured(one, "candidate"), GateConfig()).axes
        return found | {"axes": [axis.model_dump() for axis in axes]}


def show(figures: list[dict[str, Any]], console: Console) -> None:
    names = dict.fromkeys(axis["name"] for one in figures for axis in one["axes"] if axis["ability"])
    health = {axis["name"]: None for one in figures for axis in one["axes"]}.keys() - names
    tables = (["log_likelihood", "preference", *sorted(health)], [n for n in names if n not in HELD_OUT])
    for title, columns in zip(("held-out seeds", "benchmarks"), tables, strict=True):
        table = Table(title=f"{title}: against the starting model [95%]", title_justify="left", box=None)
        for column in ("", "trained on", "tokens", *columns, "gate"):
            table.add_column(column)
        for one in figures:
            rows = ", ".join(f"{name} {count}" for name, count in one["rows"].items() if name not in ("in", "out"))
            tokens = " + ".join(f"{count:,}" for count in one["tokens"].values())
            found = {axis["name"]: _cell(axis) for axis in one["axes"]}
            name = f"{one['name']}, sampling seed {one['sampling_seed']}"
            table.add_row(name, rows, tokens, *(found.get(column, "") for column in columns), one["verdict"])
        console.print(table)


def _cell(axis: dict[str, Any]) -> str:
    sign = "x " if axis["name"] == "length" else "+" if axis["change"] >= 0 else ""
    return f"{sign}{axis['change']:.3f} \\[{axis['low']:.3f}, {axis['high']:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--home", type=Path, help="go on from an earlier run")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--only", nargs="*", default=OTHERS, help="these ablations and controls")
    parser.add_argument("--sampling-seeds", nargs="+", type=int, default=[1])
    given = parser.parse_args()
    if not given.data.exists():
        sys.exit(f"no {given.data}: this needs the seed tasks and IFEval's prompts there, or --data FOLDER")
    bench = Bench(Home(given.home or Path(tempfile.mkdtemp(prefix="lance-bench-"))), given.data, given.settings)
    raw, figures, console = bench.home.root / "ablations.json", list[dict[str, Any]](), Console(width=260)
    base: Evidence | None = None
    for seed in given.sampling_seeds:
        robust = bench.evolve("robust", 1 if figures else ITERATIONS, seed)
        base = base or bench.measured(robust[0], "champion")
        figures += [bench.figures(f"robust {one.number}", one, base) for one in robust]
        each = bench.trained_tokens(robust[0])
        whole = sum(each.values())
        for recipe in given.only:
            if recipe == "random-scores":
                tokens = [f"{method}.tokens={count}" for method, count in each.items()]
            else:  # one kind of training, on all of it
                tokens = [f"{'dpo' if recipe == 'preference-branch-only' else 'sft'}.tokens={whole}"]
            (one,) = bench.evolve(recipe, 1, seed, *tokens)
            figures.append(bench.figures(recipe, one, base))
            show(figures, console)
            raw.write_text(json.dumps(figures, indent=1))
    print(json.dumps({"raw": str(raw)}))


if __name__ == "__main__":
    main()
