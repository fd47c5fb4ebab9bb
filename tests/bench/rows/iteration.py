"""An iteration's rows, from a seed file to what is trained on, of which a model's part is planted."""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from flows.iterate import Sources, _rows
from tasks.engines.processes.platform import Platform
from tasks.evaluate.gate import held
from tasks.evolution.ledger import Iteration, Ledger
from tasks.execution.stage import Stages
from tasks.recipe.recipe import Recipe, load
from tasks.seeds import steps as seeding
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.home import ROOT, Home
from tasks.store.reviews import Signals
from tasks.store.rows import Row, Seed, Written
from tasks.train import steps as training
from tests.bench.rows import texts
from tests.bench.rows.measuring import Cost, Measuring

Plant = Callable[[], Iterable[Row]]
HERE = Platform(name="cpu", gpus=0, bfloat16=False, cores=(0, 1), locks=())
# Held out is what shares no sentence with the seeds: all of them would hold one of it.
SETTINGS = (
    f"held_out={ROOT / 'deployments/seeds/everyday.jsonl'}",
    *("signals.use=[read]", "review.score=read", "verify.ways=[]", "reading.anchor_share=0"),
    *("write.instructions_per_low_seed=1", "write.ordinary_per_high_seed=0"),
)


@dataclass
class Planted:
    """`rows` seeds; half as many new instructions, as many answers, and a flawed response to every other seed."""

    home: Home
    data: Path
    rows: int
    costs: dict[str, Cost] = field(default_factory=dict)

    @cached_property
    def store(self) -> Store:
        return Store(self.home.store)

    @cached_property
    def recipe(self) -> Recipe:
        return load("robust", [*SETTINGS, f"seeds={self.seeds}"])

    @cached_property
    def seeds(self) -> Path:
        file, dice = self.home.root / f"seeds-{self.rows}.jsonl", random.Random(1)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("w", encoding="utf-8") as out:
                for text, *_ in texts.instructions(self.rows, self.data, self.items, 1):
                    row = {"instruction": text, "output": texts.put_together(self.data, dice)}
                    out.write(json.dumps(row, ensure_ascii=False) + "\n")
        return file

    @cached_property
    def items(self) -> list[str]:
        lines = (self.data / "ifeval_prompts.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["prompt"] for line in lines]

    def run(self) -> Iteration:
        """Raises ValueError where rows are missing to continue with."""
        runner = Measuring(recipe=self.recipe, store=self.store, platform=HERE, planted=self._planted())
        self.costs = runner.costs
        self.stages = Stages(runner, 1, items=self._artifact("items", map(self._item, self.items), "items"))
        model = self._artifact("model", [])
        seeds = seeding.take_in_seeds(self.stages)
        pool = seeding.pool(self.stages, seeds, [])
        rows, missing = _rows(self.stages, Sources(model, seeds, pool, [], None))
        if missing:
            raise ValueError("; ".join(missing))
        training.mix(self.stages, rows, [], pool, seeds)
        return Iteration(
            number=1,
            seeds=seeds,
            champion_before=model,
            champion_after=model,
            candidate=None,
            verdict=held(["rows alone"]),
            stages=self.stages.made,
            recipe=self.recipe.model_dump(mode="json"),
            seconds=1,
            run="rows",
        )

    def ledger(self, iteration: Iteration) -> Ledger:
        found = Ledger(
            name=f"rows-{self.rows}", model=self.recipe.model, base=iteration.champion_before, iterations=[iteration]
        )
        found.save(self.home.ledger(found.name))
        return found

    def _artifact(self, stage: str, rows: Iterable[Row], table: str = "rows") -> Ref:
        spec = Spec(stage=stage, version=1)
        if self.store.find(spec) is None:
            with self.store.draft(spec) as draft:
                draft.table(table, rows)
        found = self.store.find(spec)
        assert found
        return found

    def _item(self, prompt: str) -> Seed:
        return Seed(instruction=prompt, response="", source="an item")

    def _planted(self) -> dict[str, Plant]:
        return {
            "signals [seeds]": lambda: self._signals(self.store.rows(self.stages.made["pool"], Seed)),
            "signals [written]": lambda: self._signals(
                self.store.rows([self.stages.made[f"clean [{what}]"] for what in ("answers", "flawed")], Written)
            ),
            "write [instructions]": self._instructions,
            "write [answers]": lambda: self._responses(
                self.store.rows(self.stages.made["clean [instructions]"], Written), None
            ),
            "write [flawed]": lambda: self._responses(
                self.store.rows(self.stages.made["split"], Seed, "high"), "vague"
            ),
        }

    def _signals(self, rows: Iterable[Seed | Written]) -> Iterator[Signals]:
        dice = random.Random(2)
        for row in rows:
            read = min(max(dice.gauss(6 if isinstance(row, Written) and row.flaw else 7, 1.5), 0), 10)
            yield Signals(
                item=row.id, reviewer="m", names=("read", "read_mass"), values=(read, 0.99), parents=(row.id,)
            )

    def _instructions(self) -> Iterator[Written]:
        low = self.store.rows(self.stages.made["split"], Seed, "low")
        made = texts.instructions(len(low), self.data, self.items, 3)
        for seed, (text, kind, _) in zip(low, made, strict=True):
            yield self._written(seed, seed.id, instruction=text, prompt=kind)

    def _responses(self, of: Iterable[Seed | Written], flaw: str | None) -> Iterator[Written]:
        dice = random.Random(4)
        for row in of:
            seed = row.seed if isinstance(row, Written) else row.id
            text = texts.put_together(self.data, dice)
            yield self._written(row, seed, instruction=row.instruction, response=text, flaw=flaw, prompt="p")

    def _written(self, of: Seed | Written, seed: str, *, prompt: str, **text: str | None) -> Written:
        """`prompt` says what was planted."""
        branch = "high" if text.get("flaw") else "low"
        given = {"branch": branch, "seed": seed, "iteration": 1, "draw": 0, "author": "m", "prompt": prompt}
        return Written.model_validate({**given, **text, "finish": "stop", "new_tokens": 60, "parents": (of.id,)})
