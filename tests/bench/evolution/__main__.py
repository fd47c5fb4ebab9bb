"""Whether a model gets better by evolving, and more so than under every control.

    make bench-evolution [ARGS="--home FOLDER --data FOLDER --hours H --only ARM ... --seeds N ..."]

`robust` runs for three iterations; each control for one, on as many training tokens as the first of `robust`. Worked on
are the shipped seeds and the training rows of the self-instruct seed tasks. Measured, on what nothing was trained on or
tuned on, are the panels' test part, IFEval whole (its kinds that are trained on and the others apart), `choices`, and
the likelihood of the measuring rows. What a recipe trains on is made once; each training is done from three seeds.
Intervals are bootstraps over training seeds, then documents (tests/bench/evolution/tables.py).

Everything is in the store of --home. A run that was stopped goes on with the same command, and one that has spent
--hours stops before the next training; the table of what is there is written after each one. The last line is JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from tasks.store.home import ROOT, Home
from tests.bench.evolution.bench import Bench
from tests.bench.evolution.tables import Arm, Table

ITERATIONS = 3
TRAINING_SEEDS = (1, 2, 3)
CONTROLS = ("shuffled-verdicts", "unverified", "seed-sft", "random-scores")


def arms(bench: Bench, only: list[str], seeds: list[int]) -> Iterator[tuple[Arm, dict[str, dict[str, float]]]]:
    """Each arm as it is done, with what the starting model reached: the first seeds of all arms first."""
    for seed in seeds:
        (first,) = bench.evolve("robust", seed, 1)
        base, tokens = bench.measured(first, "champion"), bench.tokens(first)
        yield bench.arm("robust 1", seed, first), base
        for control in only:
            whole = [f"sft.tokens={sum(tokens.values())}"]
            same = [f"{method}.tokens={count}" for method, count in tokens.items()]
            both = control in ("shuffled-verdicts", "random-scores")
            (one,) = bench.evolve(control, seed, 1, *(same if both else whole))
            yield bench.arm(control, seed, one), base
    for seed in seeds:
        first, *later = bench.evolve("robust", seed, ITERATIONS)
        base = bench.measured(first, "champion")
        for one in later:
            yield bench.arm(f"robust {one.number}", seed, one), base


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--home", type=Path, default=ROOT / ".lance" / "bench-evolution")
    parser.add_argument("--hours", type=float, default=10.0, help="begin nothing more after so many")
    parser.add_argument("--only", nargs="*", default=CONTROLS, help="these controls")
    parser.add_argument("--seeds", nargs="*", type=int, default=TRAINING_SEEDS, help="these training seeds")
    given = parser.parse_args()
    if not given.data.exists():
        sys.exit(f"no {given.data}: this needs the seed tasks and IFEval's prompts there, or --data FOLDER")
    started, bench = time.monotonic(), Bench(Home(given.home), given.data)
    table, raw = Table(), given.home / "evolution.json"
    for arm, base in arms(bench, given.only, given.seeds):
        table.add(arm, base)
        raw.write_text(json.dumps(table.figures(), indent=1))
        table.show(Console(width=200, stderr=True))
        if time.monotonic() - started > 3600 * given.hours:
            print(f"{given.hours} hours are spent; the same command goes on", file=sys.stderr)
            break
    print(json.dumps(table.summary() | {"raw": str(raw)}))


if __name__ == "__main__":
    main()
