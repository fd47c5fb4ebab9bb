"""The difference of two models as one LoRA adapter, in PEFT's format.

    -m tasks.train.jobs.adapter JOB.json          (in the model environment)

`given`: model and base (folders), most (the rank that the trainings between them can have added together), name (the
base's, for who loads it). Each training adds a product of LoRA's rank to a matrix and is merged, so that several of
them, SFT and DPO of several iterations, are again one product, of their ranks' sum: the leading singular vectors of the
difference are all of it. So nothing is kept at training for this.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors import safe_open
from safetensors.torch import save_file

from tasks.engines.processes.job import Job, run_job

# What is left out of a matrix at most, as a share of it (2-norm over all elements). One merge in float32 rounds by
# 2.4e-8 of it; the smallest training, a step of DPO at a learning rate of 5e-6, moves it by some 1e-5.
ROUNDING = 2e-7
Factors = tuple[torch.Tensor, torch.Tensor]  # [rows, rank] and [rank, columns]


def factors(before: torch.Tensor, after: torch.Tensor, most: int) -> Factors:
    """Of the smallest rank whose product is the difference but for rounding; raises ValueError where `most` is less."""
    difference, bound = after - before, ROUNDING * before.norm()
    left, values, right = torch.svd_lowrank(difference, q=min(most, *difference.shape))
    rest = (difference - left * values @ right.T).norm()
    # What is lost by keeping the first 0, 1, 2... singular vectors.
    lost = torch.cat([values.square().flip(0).cumsum(0).flip(0), torch.zeros(1)]).add(rest.square()).sqrt()
    if lost[-1] > bound:
        raise ValueError(f"it differs by more than LoRA of rank {most}")
    rank = int((lost > bound).sum())
    root = values[:rank].sqrt()
    return left[:, :rank] * root, root[:, None] * right[:, :rank].T


def differing(base: Path, model: Path) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Name, before and after, of one weight after the other: two models may not fit into memory."""
    places = [
        {name: file for file in folder.glob("*.safetensors") for name in safe_open(file, "pt").keys()}  # noqa: SIM118
        for folder in (base, model)
    ]
    for name in sorted(places[0].keys() & places[1].keys()):
        before, after = (safe_open(place[name], "pt").get_tensor(name).double() for place in places)
        if not before.equal(after):
            yield name, before, after


def work(job: Job) -> None:
    given = job.given
    torch.manual_seed(0)  # svd_lowrank begins with random vectors
    found: dict[str, Factors] = {}
    for name, before, after in differing(Path(given["base"]), Path(given["model"])):
        job.say(f"adapter: {name}", len(found))
        try:
            found[name.removesuffix(".weight")] = factors(before, after, given["most"])
        except ValueError as error:
            raise ValueError(f"{name}: {error}: export the merged model with --model") from error
    rank = max(len(right) for _, right in found.values())
    tensors = {}
    for name, (left, right) in found.items():
        more = rank - len(right)  # zeros, which add nothing
        tensors[f"base_model.model.{name}.lora_A.weight"] = torch.nn.functional.pad(right, (0, 0, 0, more))
        tensors[f"base_model.model.{name}.lora_B.weight"] = torch.nn.functional.pad(left, (0, more))
    config = LoraConfig(
        r=rank,
        lora_alpha=rank,  # a scale of 1
        target_modules=sorted({name.rpartition(".")[2] for name in found}),
        task_type="CAUSAL_LM",
        base_model_name_or_path=given["name"],
        inference_mode=True,
    )
    with job.draft() as draft:
        save_file({k: v.float().contiguous() for k, v in tensors.items()}, draft.path / "adapter_model.safetensors")
        config.save_pretrained(draft.path)
        draft.record |= {"rank": rank, "counts": {"out": len(found)}}


if __name__ == "__main__":
    run_job(work)
