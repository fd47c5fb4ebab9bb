"""How often luck alone promotes a model somewhere in an evolution, and what guarding against it costs.

    make bench-luck ARGS="--home FOLDER --run EVOLUTION/ITERATION [--evolutions 1000]"

From what a real iteration measured of its champion and its candidate. A gate of a simulated evolution draws its panels
from all real replies to that panel, as many as the recipe asks, and asks the held-out seeds as they are. A/A: on each
document the two models' labels change places by a coin, so there is no difference but by luck. Real: they stay, on a
share of the documents; on the others both are the champion. The gates decide with the error spent over the evolution,
and, beside it, as if each were the only one. The last line is JSON.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tasks.evaluate import gate
from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evaluate.comparison import compare
from tasks.evaluate.evidence import Evidence
from tasks.evolution import lookup
from tasks.recipe.evaluation import GateConfig
from tasks.store.home import Home
from tasks.store.rows import Measured

GATES = 10
SHARES = (0.25, 0.5, 1.0)
Pairs = list[tuple[Any, Any]]


@dataclass
class Replies:
    """Both models' rows by document: held-out seeds, and the scores of each panel, with how many a gate asks."""

    held_out: Pairs
    panels: dict[str, Pairs]
    asked: dict[str, int]
    config: GateConfig

    @classmethod
    def of(cls, home: Home, run: str) -> "Replies":
        found = lookup.find(home, run)
        store, made, recipe = found.store, found.stages, found.iteration.recipe

        def rows(label: str, kind: Any) -> dict[tuple[str, str], Any]:
            read = store.rows(made[label], kind) if label in made else []
            return {(getattr(row, "benchmark", ""), row.item): row for row in read}

        def both(label: str, kind: Any) -> dict[tuple[str, str], tuple[Any, Any]]:
            one, other = (rows(f"{label} [{who}]", kind) for who in ("champion", "candidate"))
            return {key: (one[key], other[key]) for key in sorted(one)}

        panels: dict[str, Pairs] = {}
        for label in ("panels", "test panels"):
            for (name, _), pair in both(label, ItemScore).items():
                panels.setdefault(name, []).append(pair)
        config = GateConfig.model_validate(recipe["gate"])
        held_out = list(both("evaluate", Measured).values())
        return cls(held_out, panels, dict(recipe["evaluate"]["panels"]), config)

    def promotes(self, chance: np.random.Generator, number: int, share: float | None) -> bool:
        """`share`: of the documents on which the candidate is itself and not the champion; None: A/A.

        What is not beyond luck is not asked further: that is fast, and says no in nearly all cases without a gain.
        """
        tables: list[Evidence] = []
        held_out = list(_decided(self.held_out, chance, share))
        scores: Pairs = []
        for name, pairs in self.panels.items():
            drawn = [pairs[i] for i in chance.integers(len(pairs), size=self.asked[name])]
            for n, pair in enumerate(_decided(drawn, chance, share)):
                scores.append(tuple(row.model_copy(update={"item": f"{name}/{n}"}) for row in pair))
        for side in (0, 1):
            tables.append(Evidence(held_out=[p[side] for p in held_out], scores=[p[side] for p in scores]))
        champion, candidate = tables
        chance_of_luck = gate.by_luck(compare(champion, candidate, 1), self.config, number)
        if chance_of_luck > gate.promotion_tail(self.config, number):
            return False
        return gate.decide(champion, candidate, self.config, number).decision == "promote"


def _decided(pairs: Sequence[tuple[Any, Any]], chance: np.random.Generator, share: float | None) -> Iterator[Any]:
    coins = chance.random(len(pairs))
    for (champion, candidate), coin in zip(pairs, coins, strict=True):
        if share is None:
            yield (champion, candidate) if coin < 0.5 else (candidate, champion)
        else:
            yield (champion, candidate if coin < share else champion)


_replies: Replies  # of a worker process


def _begin(home: Path, run: str) -> None:
    global _replies
    _replies = Replies.of(Home(home), run)


def _evolution(seed: int) -> tuple[list[bool], list[bool]]:
    """Of each of its gates by luck alone, whether it promotes: with the error spent, and each by itself.

    The first gate's error is the largest: what does not pass there passes at no other.
    """

    def promotes(number: int, error_of: int) -> bool:
        return _replies.promotes(np.random.default_rng([seed, number]), error_of, None)

    alone = [promotes(number, 1) for number in range(1, GATES + 1)]
    return [passed and promotes(number, number) for number, passed in enumerate(alone, 1)], alone


def _power(job: tuple[int, int, float]) -> bool:
    seed, number, share = job
    return _replies.promotes(np.random.default_rng([seed, 99]), number, share)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run", required=True, help="EVOLUTION/ITERATION whose replies are drawn from")
    parser.add_argument("--evolutions", type=int, default=1000)
    given = parser.parse_args()
    console = Console(stderr=True)
    with ProcessPoolExecutor(os.cpu_count(), initializer=_begin, initargs=(given.home, given.run)) as pool:
        found = list(track(pool.map(_evolution, range(given.evolutions)), "A/A", given.evolutions, console=console))
        jobs = [(seed, number, share) for share in SHARES for number in (1, 2, 3, 10) for seed in range(200)]
        promoted = list(track(pool.map(_power, jobs, chunksize=20), "real", len(jobs), console=console))
    rates = {name: float(np.mean([any(one[i]) for one in found])) for i, name in enumerate(("spent", "each alone"))}
    power = {
        f"{share:g} of the gain, gate {number}": float(
            np.mean([p for p, job in zip(promoted, jobs, strict=True) if job[1:] == (number, share)])
        )
        for share in SHARES
        for number in (1, 2, 3, 10)
    }
    table = Table("", "share", title=f"{given.evolutions} evolutions of {GATES} gates", title_justify="left", box=None)
    for name, rate in (*((f"promoted by luck, error {k}", v) for k, v in rates.items()), *power.items()):
        table.add_row(name, f"{rate:.3f}")
    console.print(table)
    print(json.dumps({"evolutions": given.evolutions, "promoted_by_luck": rates, "promoted": power}))


if __name__ == "__main__":
    main()
