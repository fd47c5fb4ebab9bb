"""`make bench-trainer`: training by the project's job, against TRL alone, and against TRL alone in float32.

    .venv/bin/python -m tests.bench.trainer [--passes N]

SFT on the shipped seeds and DPO on pairs of them, the same rows for all, one behind the other; then how likely the
trained models find seeds that none was trained on. Tokens a second are those of the training alone, prompts included;
`_whole_s` are seconds of the whole process, from its start to the saved model. The last line is JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.engines.models import DEFAULT, starting_model
from tasks.engines.processes import launch, platform
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.job import Job
from tasks.recipe.training import DpoConfig, LoraConfig, SftConfig
from tasks.store.artifacts import Spec, Store
from tasks.store.home import ROOT, Home

HELD_OUT, BATCH_ROWS = 20, 8
LORA = LoraConfig(rank=8, alpha=16)
CONFIGS: dict[str, SftConfig] = {
    "sft": SftConfig(lora=LORA, learning_rate=2e-4, batch_rows=BATCH_ROWS, warmup_share=0),
    "dpo": DpoConfig(lora=LORA, learning_rate=5e-5, batch_rows=BATCH_ROWS, warmup_share=0, beta=0.1),
}


@dataclass
class Trained:
    model: Path
    seconds: float  # of the training alone
    whole_s: float
    peak_gib: float = 0


class Bench:
    def __init__(self, folder: Path, passes: int, base: Path):
        self.folder, self.passes, self.base, self.store = folder, passes, base, Store(folder / "store")

    def rows(self, name: str, rows: Sequence[dict[str, Any]]) -> Path:
        path = self.folder / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist([{"id": f"{n}", "history": [], **row} for n, row in enumerate(rows)]), path)
        return path

    def ours(self, method: str, rows: Path, **how: str) -> tuple[Trained, int]:
        """And the tokens of all passes; `how` are values of the recipe's trainer."""
        config = CONFIGS[method].model_copy(update={"epochs": self.passes})
        given = {
            "method": method,
            "model": str(self.base),
            "rows": str(rows),
            "config": config.model_dump(mode="json"),
            "reference": "",
            "device_rows": BATCH_ROWS,
            "save_steps": 1000,
            "seed": 1,
            **how,
        }
        spec, here = Spec(stage=f"{method}-ours", version=1, config=how), platform.detect()
        job = Job(store=self.store.root, spec=spec, work=self.folder / f"work-{spec.fingerprint}", given=given)
        started = time.monotonic()
        with DeviceLock(here.locks) as device:
            launch.train("tasks.train.jobs.trl", job, lambda _: None, here, device, deadline_s=None)
        found = self.store.find(spec)
        assert found
        record = self.store.record(found)
        seconds, whole_s = record["training_seconds"], time.monotonic() - started
        return Trained(self.store.path(found), seconds, whole_s, record["peak_gib"]), record["trained_tokens"]

    def bare(self, method: str, rows: Path, dtype: str) -> Trained:
        out, config = self.folder / f"{method}-{dtype}", CONFIGS[method]
        arguments = [method, self.base, rows, out, dtype, BATCH_ROWS, self.passes, config.learning_rate]
        started = time.monotonic()
        said = in_the_model_environment("tests.bench.trainer.bare_trl", *arguments)
        return Trained(out, float(said[-1]), time.monotonic() - started)


def in_the_model_environment(module: str, *arguments: Any) -> list[str]:
    command = [str(platform.model_python()), "-m", module, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": str(len(platform.detect().cores)), "GOMP_SPINCOUNT": "2000"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def figures(bench: Bench, method: str, given: Sequence[dict[str, Any]]) -> dict[str, float]:
    rows, unseen = bench.rows(method, given[:-HELD_OUT]), bench.rows(f"{method}-held-out", given[-HELD_OUT:])
    ours, tokens = bench.ours(method, rows)
    say(f"{method}: ours {tokens / ours.seconds:.0f} tokens/s, {ours.whole_s:.0f} s in all")
    sides = {"ours": ours}
    for name, dtype in (("bare", platform.detect().dtype("auto")), ("float32", "float32")):
        sides[name] = bench.bare(method, rows, dtype)
        say(f"{method}: {name} {tokens / sides[name].seconds:.0f} tokens/s, {sides[name].whole_s:.0f} s in all")
    folders = [bench.base, *(side.model for side in sides.values())]
    read = [json.loads(line) for line in in_the_model_environment("tests.bench.trainer.likelihoods", unseen, *folders)]
    means = dict(zip(("base", *sides), map(mean, read), strict=True))
    off = [a - b for a, b in zip(read[1], read[3], strict=True)]
    error = stdev(off) / len(off) ** 0.5
    say(f"{method}: held out {means}; ours less float32 {mean(off):.4f}, standard error {error:.4f}")
    found = {f"{name}_tok_s": tokens / side.seconds for name, side in sides.items()}
    found |= {f"{name}_whole_s": side.whole_s for name, side in sides.items()}
    return found | {f"{name}_held_out": value for name, value in means.items()} | {"tokens": tokens}


def rows_of_seeds(most: int = 0) -> dict[str, list[dict[str, Any]]]:
    """SFT's and DPO's, of the shipped seeds; 0: of all."""
    lines = (ROOT / "deployments" / "seeds" / "everyday.jsonl").read_text(encoding="utf-8").splitlines()
    found = [{"instruction": row["prompt"], "response": row["response"]} for row in map(json.loads, lines)]
    seeds = found[: most or None]
    pairs = [
        {"instruction": seed["instruction"], "chosen": seed["response"], "rejected": seeds[n - 1]["response"]}
        for n, seed in enumerate(seeds)
    ]
    return {"sft": seeds, "dpo": pairs}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--passes", type=int, default=2)
    asked = parser.parse_args()
    home, rows = Home.here(), rows_of_seeds()
    base = Store(home.store).path(starting_model(DEFAULT, Store(home.store), home.work, lambda _: None))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), asked.passes, base)
        sft, dpo = (figures(bench, method, rows[method]) for method in ("sft", "dpo"))
    found = sft | {f"dpo_{name}": value for name, value in dpo.items()}
    flags = sorted(platform.BFLOAT16 & platform.processor_flags())
    print(json.dumps({name: round(value, 4) for name, value in found.items()} | {"flags": flags}))


if __name__ == "__main__":
    main()
