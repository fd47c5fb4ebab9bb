"""What the gate says of everything in the file of `make bench-gate`; no model is asked.

.venv/bin/python -m tests.bench.gate.tables FOLDER/gate.json

- Planted regressions: into the model that was really better, so that only the regression stands against a promotion.
  One is caught when it is not promoted and a reason names where it shows.
- A/A: two really different sets of outputs whose labels change places at random, document by document with all that was
  measured on it; there is then no difference but by luck. The share of promotions and of rollbacks, family-wise.
- The gain, and what lies on the way to it.
"""

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evaluate.evidence import Evidence
from tasks.evaluate.gate import Verdict, decide
from tasks.recipe.evaluation import GateConfig
from tasks.store.reviews import AnchorScore
from tasks.store.rows import Measured, Seed
from tests.bench.gate.plants import DOSES, plants

SWAPS = 2_000
SETS = (("sampled 1", "sampled 2"), ("M_0", "trained, 100%"))
WEIGHTS = {"noise": "log-likelihood", "shuffled answers": "relevance"}  # kinds made in weights; where they show


def plain(found: Evidence) -> dict[str, Any]:
    rows = {name: getattr(found, name) for name in ("held_out", "scores", "anchors")}
    dumped: dict[str, Any] = {name: [row.model_dump(mode="json") for row in some] for name, some in rows.items()}
    return dumped | {"figures": dict(found.figures)}


def evidence(found: dict[str, Any]) -> Evidence:
    return Evidence(
        held_out=[Measured.model_validate(row) for row in found["held_out"]],
        scores=[ItemScore.model_validate(row) for row in found["scores"]],
        anchors=[AnchorScore.model_validate(row) for row in found["anchors"]],
        figures=found["figures"],
    )


def swapped(one: Evidence, other: Evidence, draw: int) -> tuple[Evidence, Evidence]:
    """Both with the labels of half of the documents changed; a document keeps all that was measured on it."""
    chance = np.random.default_rng(draw)
    keys = sorted({_document(row) for rows in _tables(one) for row in rows})
    change = dict(zip(keys, chance.random(len(keys)) < 0.5, strict=True))
    tables: list[list[list[Any]]] = [[], []]
    for mine, theirs in zip(_tables(one), _tables(other), strict=True):
        for table, rows, others in ((tables[0], mine, theirs), (tables[1], theirs, mine)):
            table.append(
                [row for row in rows if not change[_document(row)]] + [row for row in others if change[_document(row)]]
            )
    made = [Evidence(held_out=t[0], scores=t[1], anchors=t[2]) for t in tables]
    return made[0], made[1]


def _tables(found: Evidence) -> tuple[list[Any], list[Any], list[Any]]:
    return list(found.held_out), list(found.scores), list(found.anchors)


def _document(row: Measured | ItemScore | AnchorScore) -> str:
    match row:
        case AnchorScore():
            return f"anchors of {row.seed}"
        case ItemScore():
            return f"{row.benchmark}/{row.item}"
        case Measured():
            return row.item


class Gate:
    def __init__(self, raw: Path):
        found = json.loads(raw.read_text())
        self.config = GateConfig.model_validate(found["gate"])
        self.measured = {name: evidence(one) for name, one in found["evidence"].items()}
        self.items = [Seed.model_validate(row) for row in found["items"]]

    def planted(self) -> list[tuple[str, str, str, Verdict]]:
        """Kind, where it shows, dose, verdict."""
        base, better = self.measured["M_0"], self.measured["trained, 100%"]
        found = [
            (kind, shows, dose, decide(base, self.measured[f"{kind}, {dose}"], self.config))
            for kind, shows in WEIGHTS.items()
            for dose in DOSES
        ]
        return found + [
            (plant.kind, plant.shows_in, dose, decide(base, plant.into(better, dose), self.config))
            for plant in plants(self.items)
            for dose in DOSES
        ]

    def gains(self) -> dict[str, Verdict]:
        base = self.measured["M_0"]
        found = {name: one for name, one in self.measured.items() if name.startswith("trained")}
        return {name: decide(base, one, self.config) for name, one in found.items()}

    def by_luck(self, names: tuple[str, str], draw: int) -> str:
        one, other = swapped(self.measured[names[0]], self.measured[names[1]], draw)
        return decide(one, other, self.config).decision


def caught(shows_in: str, verdict: Verdict) -> bool:
    return verdict.decision != "promote" and any(reason.startswith(shows_in) for reason in verdict.reasons)


_gate: Gate  # of a worker process, which reads the file once


def _begin(raw: Path) -> None:
    global _gate
    _gate = Gate(raw)


def _by_luck(given: tuple[tuple[str, str], int]) -> str:
    return _gate.by_luck(*given)


def show(raw: Path) -> None:
    gate, console = Gate(raw), Console(width=180)
    found = gate.planted()
    table = Table("planted", "shows in", "dose", "verdict", "caught", "first reason", box=None)
    for kind, shows_in, dose, verdict in found:
        seen = "yes" if caught(shows_in, verdict) else "no"
        table.add_row(kind, shows_in, dose, verdict.decision, seen, verdict.reasons[0].replace("[", "\\["))
    console.print(table)
    for kind in dict.fromkeys(kind for kind, *_ in found):
        seen_at = [dose for of, shows_in, dose, verdict in found if of == kind and caught(shows_in, verdict)]
        console.print(f"smallest dose caught, {kind}: {seen_at[-1] if seen_at else 'none'}")
    gains = gate.gains()
    for name, verdict in gains.items():
        console.print(f"{name}: {verdict.decision}: {verdict.reasons[0]}", markup=False)

    asked = [(names, draw) for names in SETS for draw in range(SWAPS)]
    with ProcessPoolExecutor(os.cpu_count(), initializer=_begin, initargs=(raw,)) as workers:
        done = workers.map(_by_luck, asked, chunksize=20)
        said = list(track(done, "label swaps", len(asked), console=Console(stderr=True)))
    rates = {}
    for i, names in enumerate(SETS):
        of_it = said[i * SWAPS : (i + 1) * SWAPS]
        promoted, rolled_back = of_it.count("promote"), of_it.count("roll back")
        rates[" and ".join(names)] = (promoted + rolled_back) / SWAPS
        console.print(f"A/A, {' and '.join(names)}: {promoted} promoted, {rolled_back} rolled back of {SWAPS:,} swaps")
    surely = [(shows_in, verdict) for _, shows_in, dose, verdict in found if dose != "slight"]
    summary = {
        "planted": len(surely),
        "caught": sum(caught(*one) for one in surely),
        "aa_false_alarm_rate": max(rates.values()),
        "real_gain_promoted": gains["trained, 100%"].decision == "promote",
        "raw": str(raw),
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    show(Path(sys.argv[1]))
