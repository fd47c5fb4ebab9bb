"""A model made of another's weights, as an artifact: part of the way to a trained one, or with noise.

MODEL_PYTHON -m tests.bench.gate.weights JOB.json

`given`: the folder of `model`, and either that of the model `towards` and a `share`, or `noise`: its standard deviation
as a share of each matrix's own.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tasks.engines.processes.job import Job, run_job

FILE = "model.safetensors"


def make(job: Job) -> None:
    given, source = job.given, Path(job.given["model"])
    weights = load_file(source / FILE)
    if "towards" in given:
        other = load_file(Path(given["towards"]) / FILE)
        made = {name: torch.lerp(one, other[name], given["share"]) for name, one in weights.items()}
    else:
        chance = torch.Generator().manual_seed(1)
        made = {name: _noisy(one, given["noise"], chance) for name, one in weights.items()}
    with job.draft() as draft:
        for path in source.iterdir():
            if path.name not in ("record.json", FILE):
                shutil.copy(path, draft.path / path.name)
        save_file({name: one.contiguous() for name, one in made.items()}, draft.path / FILE, {"format": "pt"})


def _noisy(one: torch.Tensor, noise: float, chance: torch.Generator) -> torch.Tensor:
    """Vectors (norms) stay as they are."""
    return one + noise * one.std() * torch.randn(one.shape, generator=chance) if one.dim() > 1 else one


if __name__ == "__main__":
    run_job(make)
