"""Seconds and peak memory of each stage on rows of real text, and how they grow.

    make bench-rows [ARGS="--home FOLDER --data FOLDER --rows 100000 1000000"]

Seeds are sentences of public data put together anew; every tenth is a near copy of an earlier one, every five hundredth
holds an item of IFEval. What a model would write or score is planted; all else is the project's own stages, each in a
process of its own. Near duplicates that were let pass or taken out are held against exact ROUGE-L with every text that
stands before, on a sample. The last line is JSON.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from flows.cli.explain import explain
from flows.report import html
from tasks.clean.near_duplicate import NearDuplicates
from tasks.clean.signatures import Signed
from tasks.evolution.ledger import Iteration
from tasks.evolution.whatif import what_if
from tasks.recipe.recipe import load
from tasks.store.examples import TrainRow
from tasks.store.home import ROOT, Home
from tasks.store.rows import Seed, Written
from tests.bench.rows.exact import Agreement, agreement
from tests.bench.rows.iteration import HERE, SETTINGS, Planted
from tests.bench.rows.measuring import Cost, apart, size_gib

NEAR = "near duplicates"


def near_duplicates(planted: Planted, iteration: Iteration) -> int:
    """Of the new instructions against the pool and each other, and of nothing else; how many there are."""
    pool = planted.store.rows(iteration.stages["pool"], Seed).column("instruction")
    new = planted.store.rows(planted.stages.made["write [instructions]"], Written).column("instruction")
    texts, gone = Signed.of(pool) + Signed.of(new), dict[int, int | None]()
    known = NearDuplicates(texts, planted.recipe.clean.near_duplicate_rouge_l, len(pool))
    for number in range(len(pool), len(texts)):
        if found := known.find(number, gone):
            gone[number] = found[0]
    return len(gone)


def looked_at(planted: Planted, iteration: Iteration) -> dict[str, Cost]:
    """Near duplicates alone, and what people ask of an iteration that is done."""
    ledger, store = planted.ledger(iteration), planted.store
    row = store.rows(iteration.stages["mix"], TrainRow, "sft")[0].id
    recipe = load("robust", [*SETTINGS, f"seeds={planted.seeds}", "annotate.sft_keep={quantile: 0.5}"])
    asked = {
        NEAR: lambda: near_duplicates(planted, iteration),
        "whatif": lambda: what_if(store, ledger, iteration, recipe, HERE, []),
        "explain": lambda: explain(planted.home, row, ledger.name, True),
        "report": lambda: html.write(planted.home, ledger, 1, planted.home.root / "report.html"),
    }
    found = {}
    for name, work in asked.items():
        found[name] = apart(work)
        print(f"{name:28} {found[name]}", flush=True)
    return found


def summary(costs: dict[int, dict[str, Cost]], found: dict[int, Agreement]) -> dict[str, Any]:
    least, most = min(costs), max(costs)
    return {
        "near_duplicates_s": round(costs[most][NEAR].seconds, 1),
        "near_duplicates_gib": round(costs[most][NEAR].peak_gib, 2),
        "growth": _growth(costs[least], costs[most], "seconds"),
        "growth_of_processor": _growth(costs[least], costs[most], "cpu_s"),
        "recall": round(found[most].recall, 4),
        "precision": round(found[most].precision, 4),
        "peak_gib": round(max(cost.peak_gib for cost in costs[most].values()), 2),
    }


def _growth(few: dict[str, Cost], many: dict[str, Cost], what: str) -> dict[str, float]:
    """By stage; of a home that was not empty, of those that were made in both."""
    both = [stage for stage in many if stage in few]
    return {stage: round(getattr(many[stage], what) / max(getattr(few[stage], what), 0.1), 1) for stage in both}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--home", type=Path, default=ROOT / ".lance" / "bench-rows", help="is to be empty, or costs 0")
    parser.add_argument("--rows", nargs="*", type=int, default=[100_000, 1_000_000])
    given = parser.parse_args()
    costs, found = {}, {}
    for rows in given.rows:
        print(f"{rows} seeds", flush=True)
        planted = Planted(Home(given.home / str(rows)), given.data, rows)
        iteration = planted.run()
        costs[rows] = planted.costs | looked_at(planted, iteration)
        found[rows] = agreement(planted.store, iteration, planted.recipe.clean.near_duplicate_rouge_l)
        print(f"{found[rows]}; the store has {size_gib(planted.home.store):.1f} GiB", flush=True)
    print(json.dumps(summary(costs, found)))


if __name__ == "__main__":
    main()
