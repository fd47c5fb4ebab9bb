"""Seeds that benchmarks train and measure on: the shipped ones, and the seed tasks of self-instruct."""

import json
from collections.abc import Sequence
from pathlib import Path

from tasks.store.home import ROOT
from tasks.store.rows import Seed


def seed_tasks(folder: Path) -> tuple[list[Seed], list[Seed]]:
    """Training and measuring rows; the measuring ones are those whose index leaves 2 on division by 3."""
    rows = [json.loads(line) for line in (folder / "self_instruct_seed_tasks.jsonl").read_text().splitlines()]
    found: tuple[list[Seed], list[Seed]] = [], []
    for i, row in enumerate(rows):
        one = row["instances"][0]
        instruction = "\n\n".join(filter(None, [row["instruction"], one["input"]])).strip()
        seed = Seed(instruction=instruction, response=one["output"].strip(), source=f"seed_tasks:{i}")
        if len(seed.response.split()) >= 10 and len(f"{instruction} {seed.response}".split()) < 200:
            found[i % 3 == 2].append(seed)
    return found


def seed_files(folder: Path, data: Path) -> tuple[Path, Path]:
    """The shipped seeds and the training rows of the seed tasks, in one file; the measuring rows in another."""
    folder.mkdir(parents=True, exist_ok=True)
    train, measure = seed_tasks(data)
    shipped = (ROOT / "deployments" / "seeds" / "everyday.jsonl").read_text()
    files = folder / "seeds.jsonl", folder / "held_out.jsonl"
    for file, text in zip(files, (shipped + _lines(train), _lines(measure)), strict=True):
        file.write_text(text)
    return files


def _lines(seeds: Sequence[Seed]) -> str:
    return "".join(json.dumps({"prompt": s.instruction, "response": s.response}) + "\n" for s in seeds)
