"""What the loop and each part of it does to the held-out figures: `robust`, its ablations, and the controls.

    make bench-ablations [ARGS="--home FOLDER --data FOLDER --set KEY=VALUE ..."]

`robust` runs for three iterations, every other recipe for one, on as many training tokens as the first of `robust`
(SFT and DPO together). Worked on are the shipped seeds and the training rows of the self-instruct seed tasks; measured
are the measuring rows with a response of at least 10 words. The figures are each candidate against the starting model,
whatever the gate said of it; intervals are paired bootstraps over the measured rows, and say nothing of the luck of a
training run. Everything is in the store of --home: a run that was stopped goes on with the same command.
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

from tasks import gate
from tasks.artifacts import Store
from tasks.axes import Evidence
from tasks.home import Home
from tasks.ledger import Iteration, read
from tasks.measure_config import GateConfig
from tasks.records import Measured
from tests.bench.judge import seed_tasks
from tests.evolution import LANCE, ROOT

ITERATIONS = 3
OTHERS = ("sft-branch-only", "preference-branch-only", "seed-sft", "self-instruct", "random-scores")


class Bench:
    def __init__(self, home: Home, data: Path, settings: list[str]):
        self.home, self.store, self.settings = home, Store(home.store), settings
        home.root.mkdir(parents=True, exist_ok=True)
        train, measure = seed_tasks(data)
        shipped = (ROOT / "deployments" / "seeds" / "everyday.jsonl").read_text()
        self.seeds, self.held_out = home.root / "seeds.jsonl", home.root / "held_out.jsonl"
        self.seeds.write_text(shipped + _lines(train))
        self.held_out.write_text(_lines(measure))

    def evolve(self, recipe: str, iterations: int, *settings: str) -> list[Iteration]:
        given = [f"held_out={self.held_out}", *self.settings, *settings]
        chosen = [part for setting in given for part in ("--set", setting)]
        command = [*LANCE, "evolve", recipe, "--seeds", str(self.seeds), "--iterations", str(iterations), *chosen]
        print(f"{recipe}: {' '.join(chosen)}", file=sys.stderr, flush=True)
        environment = os.environ | {"LANCE_HOME": str(self.home.root)}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        ledger = read(self.home.ledger(recipe))
        assert ledger
        return ledger.iterations[:iterations]

    def trained_tokens(self, one: Iteration) -> dict[str, int]:
        records = {method: self.store.record(one.stages[method]) for method in ("sft", "dpo") if method in one.stages}
        return {method: record["trained_tokens"] for method, record in records.items()}

    def figures(self, name: str, one: Iteration, base: list[Measured]) -> dict[str, Any]:
        found: dict[str, Any] = {"name": name, "verdict": one.verdict.decision, "reasons": one.verdict.reasons}
        counts = self.store.record(one.stages["mix"])["counts"] if "mix" in one.stages else {}
        found |= {"rows": counts, "tokens": self.trained_tokens(one), "seconds": one.seconds}
        if one.candidate is None:
            return found | {"axes": []}
        after = self.store.rows(one.stages["evaluate [candidate]"], Measured)
        axes = gate.decide(Evidence(held_out=base), Evidence(held_out=after), GateConfig()).axes
        return found | {"items": len(after), "axes": [axis.model_dump() for axis in axes]}


def _lines(seeds: list[Any]) -> str:
    return "".join(json.dumps({"prompt": s.instruction, "response": s.response}) + "\n" for s in seeds)


def show(figures: list[dict[str, Any]], console: Console) -> None:
    table = Table(title="each candidate against the starting model [95%]", title_justify="left", box=None)
    for column in ("", "trained on", "tokens", "log-likelihood", "preference", "length", "distinct-2", "gate"):
        table.add_column(column)
    for one in figures:
        rows = ", ".join(f"{name} {count}" for name, count in one["rows"].items() if name not in ("in", "out"))
        cells = []
        for axis in one["axes"]:
            sign = "x " if axis["name"] == "length" else "+" if axis["change"] >= 0 else ""
            cells.append(f"{sign}{axis['change']:.3f} \\[{axis['low']:.3f}, {axis['high']:.3f}]")
        tokens = " + ".join(f"{count:,}" for count in one["tokens"].values())
        table.add_row(one["name"], rows, tokens, *(cells or [""] * 4), one["verdict"])
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--home", type=Path, help="go on from an earlier run")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--only", nargs="*", default=OTHERS, help="these ablations and controls")
    given = parser.parse_args()
    if not given.data.exists():
        sys.exit(f"no {given.data}: this needs self_instruct_seed_tasks.jsonl there, or --data FOLDER")
    bench = Bench(Home(given.home or Path(tempfile.mkdtemp(prefix="lance-bench-"))), given.data, given.settings)
    robust = bench.evolve("robust", ITERATIONS)
    base = bench.store.rows(robust[0].stages["evaluate [champion]"], Measured)
    figures = [bench.figures(f"robust {one.number}", one, base) for one in robust]
    each = bench.trained_tokens(robust[0])
    whole = sum(each.values())
    for recipe in given.only:
        if recipe == "random-scores":
            tokens = [f"{method}.tokens={count}" for method, count in each.items()]
        else:  # one kind of training, on all of it
            tokens = [f"{'dpo' if recipe == 'preference-branch-only' else 'sft'}.tokens={whole}"]
        (one,) = bench.evolve(recipe, 1, *tokens)
        figures.append(bench.figures(recipe, one, base))
        show(figures, Console(width=200))
    raw = bench.home.root / "ablations.json"
    raw.write_text(json.dumps(figures, indent=1))
    show(figures, Console(width=200))
    print(json.dumps({"raw": str(raw)}))


if __name__ == "__main__":
    main()
