"""The published recipe, whole, on a tiny random Qwen2: every stage really runs; only sizes are other."""

import json
import subprocess
from pathlib import Path

import pytest

from tasks.engines.processes.platform import model_python
from tasks.store.home import ROOT
from tests.real.test_champion import LOGITS, python
from tests.support.evolution import Evolution
from tests.support.words import sentence

SIZES = ["write.max_new_tokens=40", "signals.sampled.max_new_tokens=40", "evaluate.max_new_tokens=16"]
SIZES += [
    "evaluate.benchmarks=[{task: tests/support/benchmarks/sum.yaml, items: 2, max_new_tokens: 8}]"
]  # its own are on the hub
STAGES = ["reviews to learn", "teach", "signals [seeds]", "split", "write [answers]", "write [flawed]"]
STAGES += [
    "signals [written]",
    "annotate",
    "mix",
    "sft",
    "dpo",
    "divergence",
    "evaluate [candidate]",
    "scores [candidate]",
    "gate",
]


@pytest.mark.long
def test_a_dry_pass_runs_every_stage_of_the_paper_recipe(tmp_path: Path) -> None:
    model, seeds = tmp_path / "qwen2", tmp_path / "seeds.jsonl"
    subprocess.run([str(model_python()), "-m", "tests.support.tiny_qwen2", str(model)], check=True, cwd=ROOT)
    rows = [{"prompt": f"Say what the {sentence(str(n))} is.", "response": sentence(str(100 + n))} for n in range(8)]
    seeds.write_text("".join(json.dumps(row) + "\n" for row in rows))
    it = Evolution(tmp_path / "home", model, seeds, recipe="paper-qwen2-7b")
    sized = [argument for size in SIZES for argument in ("--set", size)]
    summary = it.run("--iterations", "1", "--set", "engine.dtype=float32", *sized, timeout_s=580)
    stages = [row["label"] for row in summary["funnel"]]
    assert [stage for stage in STAGES[2:] if stage not in stages] == []
    assert it.artifacts("teach"), "M_0 was made"
    reviews = next(row for row in summary["funnel"] if row["label"] == "review [written]")
    assert reviews["rows_out"] > 10
    sft, dpo = (next(row["note"] for row in summary["funnel"] if row["label"] == stage) for stage in ("sft", "dpo"))
    assert "loss" in sft
    assert "loss" in dpo
    out = {what: tmp_path / what for what in ("model", "adapter")}
    folders = [part for what, folder in out.items() for part in (f"--{what}", str(folder))]
    done = it.ask("export", f"{summary['evolution']}/1", *folders)
    assert done.returncode == 0, done.stderr
    ((without, with_it),) = python(LOGITS, model, out["adapter"], out["model"])
    print("largest difference of logits: without", without, "with", with_it)
    assert with_it < 1e-4 < without / 100, "to the model as it was given, before it was taught"
