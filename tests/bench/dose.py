"""What rates, rank and DPO's weights come to: the first iteration of `robust`, one setting changed at a time.

    make bench-dose [ARGS="--home FOLDER --data FOLDER --only SETTING ..."]

One training each, on the same rows, which rules let pass: no reviewer takes part. Measured on the gate's panels and the
held-out seeds, which so are development data here: nothing of it is a claim about learning, for which there is `make
bench-evolution`, on other questions. In the same home what both need is made once. The last line is JSON.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.table import Table as Printed

from tasks.recipe.evaluation import Panel
from tasks.store.home import ROOT, Home
from tests.bench.evolution.bench import Bench
from tests.bench.evolution.tables import Table

AS_IT_IS = "as it is"
BY_RULES_ALONE = "branches=[]"
SETTINGS = (
    "sft.learning_rate=0.0002",
    "sft.learning_rate=0.001",
    "sft.lora.rank=64",
    "dpo.learning_rate=0.00002",
    "dpo.learning_rate=0.0001",
    "dpo.beta=0.5",
    "dpo.nll=0",
    "dpo.nll=1",
)


def show(table: Table, console: Console) -> None:
    """A row each setting: gains with 95% intervals over documents, and their mean over the panels."""
    panels = [axis for axis in table.axes if axis in get_args(Panel)]
    printed = Printed(title="gain over the starting model", title_justify="left", box=None)
    for column in ("", "panels' mean", *table.axes, "minutes"):
        printed.add_column(column)
    for arm in table.arms:
        middle = sum(table.interval(arm.name, (axis,))[1] for axis in panels) / len(panels)
        cells = [
            "{:+.3f} \\[{:+.3f}, {:+.3f}]".format(*_ordered(table.interval(arm.name, (axis,)))) for axis in table.axes
        ]
        printed.add_row(arm.name, f"{middle:+.3f}", *cells, f"{arm.minutes:.0f}")
    console.print(printed)


def _ordered(found: tuple[float, float, float]) -> tuple[float, float, float]:
    low, middle, high = found
    return middle, low, high


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--home", type=Path, default=ROOT / ".lance" / "bench-evolution")
    parser.add_argument("--only", nargs="*", default=SETTINGS, help="these settings, KEY=VALUE")
    given = parser.parse_args()
    if not given.data.exists():
        sys.exit(f"no {given.data}: this needs the seed tasks there, or --data FOLDER")
    bench, table = Bench(Home(given.home), given.data, whole=False), Table()
    raw = given.home / "dose.json"
    for setting in (AS_IT_IS, *given.only):
        changed = [] if setting == AS_IT_IS else [setting]
        (one,) = bench.evolve(
            "robust", 1, 1, BY_RULES_ALONE, *changed, name=f"dose-{setting.replace('=', '-').replace(' ', '-')}"
        )
        arm = bench.arm(setting, 1, one)
        if not arm:
            continue
        table.add(arm)
        raw.write_text(json.dumps(table.figures(), indent=1))
        show(table, Console(width=200, stderr=True))
    gains = {arm.name: {axis: table.interval(arm.name, (axis,)) for axis in table.axes} for arm in table.arms}
    print(json.dumps({"gains": gains, "raw": str(raw)}))


if __name__ == "__main__":
    main()
