"""Whether a model gets better by evolving, and more so than under every control.

    make bench-evolution [ARGS="--home FOLDER --data FOLDER --hours H --only ARM ... --seeds N ..."]

`robust` runs for three iterations; each control for one, on as many training tokens as the first of `robust`: one of
few rows repeats them, how often is said. Worked on are the shipped seeds and the training rows of the self-instruct
seed tasks. Measured, on what nothing is trained on, are the panels' test part, IFEval whole (its kinds that are trained
on and the others apart), `choices`, and the likelihood of the measuring rows; `make bench-dose`, with which settings
are tried, looks at the last two as well. Each training is done from three seeds. What a recipe trains on is made once
in a home; in another home, on another machine, it is made anew, and its variance is in the intervals, too. Intervals
are bootstraps over training seeds, then documents (tests/bench/evolution/tables.py).

Texts are in the store of --home. Values by document are kept in the folder --kept, one small file for each training,
and the table beside it: what is there is not trained again, so that the table grows over several machines, and a
control takes its number of tokens from there. A run that was stopped goes on with the same command, and one that has
spent --hours stops before the next training. The last line is JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from tasks.store.home import ROOT, Home
from tests.bench.evolution.arms import Arm, kept
from tests.bench.evolution.bench import Bench
from tests.bench.evolution.tables import FIRST, Table

ITERATIONS = 3
TRAINING_SEEDS = (1, 2, 3)
KEPT = Path(__file__).parent / "trainings"
CONTROLS = ("shuffled-verdicts", "unverified", "seed-sft", "random-scores")


def trainings(bench: Bench, table: Table, only: list[str], seeds: list[int]) -> Iterator[Arm]:
    """Those that the table does not have yet, as they are done: the first iterations of all arms first."""
    for seed in seeds:
        missing = [control for control in only if not table.arm(control, seed)]
        if not (first := table.arm(FIRST, seed)):
            (one,) = bench.evolve("robust", seed, 1)
            first = bench.arm(FIRST, seed, one)
            if not first:  # no control knows on how many tokens it is to be trained
                continue
            yield first
        for control in missing:
            whole = [f"sft.tokens={sum(first.tokens.values())}"]
            same = [f"{method}.tokens={count}" for method, count in first.tokens.items()]
            both = control in ("shuffled-verdicts", "random-scores")
            (one,) = bench.evolve(control, seed, 1, *(same if both else whole))
            if arm := bench.arm(control, seed, one):
                yield arm
    for seed in seeds:
        if not table.arm(f"robust {ITERATIONS}", seed):
            start, *later = bench.evolve("robust", seed, ITERATIONS)
            for one in later:
                name = f"robust {one.number}"
                if not table.arm(name, seed) and (arm := bench.arm(name, seed, one, start)):
                    yield arm


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--home", type=Path, default=ROOT / ".lance" / "bench-evolution")
    parser.add_argument("--kept", type=Path, default=KEPT, help="trainings that were done, and are to be kept")
    parser.add_argument("--hours", type=float, default=10.0, help="begin nothing more after so many")
    parser.add_argument("--only", nargs="*", default=CONTROLS, help="these controls")
    parser.add_argument("--seeds", nargs="*", type=int, default=TRAINING_SEEDS, help="these training seeds")
    given = parser.parse_args()
    if not given.data.exists():
        sys.exit(f"no {given.data}: this needs the seed tasks and IFEval's prompts there, or --data FOLDER")
    started, bench = time.monotonic(), Bench(Home(given.home), given.data)
    table = Table()
    for arm in kept(given.kept):
        table.add(arm)
    for arm in trainings(bench, table, given.only, given.seeds):
        table.add(arm)
        arm.save(given.kept)
        given.kept.resolve().with_name("results.json").write_text(json.dumps(table.figures(), indent=1) + "\n")
        table.show(Console(width=200, stderr=True))
        if time.monotonic() - started > 3600 * given.hours:
            print(f"{given.hours} hours are spent; the same command goes on", file=sys.stderr)
            break
    print(json.dumps(table.summary() | {"raw": str(given.home)}))


if __name__ == "__main__":
    main()
