"""Train one model with TRL: SFT or DPO, LoRA on a float32 master, merged in float32.

    [accelerate launch] -m tasks.train.jobs.trl JOB.json          (in the model environment)

`given`: method ("sft" or "dpo"), model (folder), rows (a Parquet file of TrainRow or PreferencePair), config (SftConfig
or DpoConfig), reference (folder of DPO's reference model, "" for the model itself), device_rows, save_steps, cpu, seed.
Out comes a model folder; its record holds the losses over all rows in evaluation mode before and after, the curve of
the training, and how far the weights moved. A killed job continues from the last whole checkpoint in its work folder.
"""

import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from peft import LoraConfig
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from tasks.engines.control_tokens import PlainText
from tasks.engines.processes.job import Job, run_job
from tasks.store.artifacts import write_atomically
from tasks.store.rows import Rejected
from tasks.train.jobs.rows import dataset, tokens, without_long


def spread(batch_rows: int, device_rows: int, processes: int) -> tuple[int, int]:
    """Rows at a time on each device, at most `device_rows`, and how often they add up to exactly `batch_rows`."""
    each, rest = divmod(batch_rows, processes)
    if rest or not each:
        raise ValueError(f"batch_rows is {batch_rows}, which {processes} devices cannot share: make it a multiple")
    at_once = next(rows for rows in range(min(device_rows, each), 0, -1) if each % rows == 0)
    return at_once, each // at_once


def trainer(job: Job, rows: Dataset, epochs: float, processes: int) -> SFTTrainer | DPOTrainer:
    given, config = job.given, job.given["config"]
    device_rows, accumulation = spread(config["batch_rows"], given["device_rows"], processes)
    steps = math.ceil(math.ceil(len(rows) / config["batch_rows"]) * epochs)
    lora = config["lora"]
    shared: dict[str, Any] = {
        "output_dir": str(job.work / "checkpoints"),
        "per_device_train_batch_size": device_rows,
        "per_device_eval_batch_size": device_rows,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": config["learning_rate"],
        "num_train_epochs": epochs,
        "lr_scheduler_type": "cosine",
        # Rounded down: the first step of a warm-up has a learning rate of 0, and may be one of two.
        "warmup_steps": int(config["warmup_share"] * steps),
        "max_length": config["max_tokens"],
        "logging_steps": 1,
        "save_steps": given["save_steps"],
        "save_total_limit": 2,
        "seed": given["seed"],
        "report_to": "none",
        "disable_tqdm": True,
        # A model given by path loads in float32 only because it is said here.
        "model_init_kwargs": {"dtype": "float32"},
        "gradient_checkpointing": not given["cpu"],
        "dataloader_pin_memory": not given["cpu"],
        "use_cpu": given["cpu"],
        "bf16": not given["cpu"],  # autocast of the computation; the master stays float32
    }
    if given["method"] == "dpo":
        # The reference's log-probabilities once, for the training and both evaluations: 6 passes over a pair, not 8.
        kind, arguments = DPOTrainer, DPOConfig(beta=config["beta"], precompute_ref_log_probs=True, **shared)
        other = given["reference"] and AutoModelForCausalLM.from_pretrained(given["reference"], dtype=torch.float32)
        reference = {"ref_model": other or None}  # none: the model without its adapter
    else:
        kind, arguments, reference = SFTTrainer, SFTConfig(**shared), {}
    found: SFTTrainer | DPOTrainer = kind(
        model=given["model"],
        **reference,
        args=arguments,
        train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(given["model"]),
        peft_config=LoraConfig(
            r=lora["rank"],
            lora_alpha=lora["alpha"],
            lora_dropout=lora["dropout"],
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        callbacks=[Progress(job)],
    )
    assert len(found.train_dataset) == len(rows), "TRL dropped rows that were counted as fitting"
    found.eval_dataset = found.train_dataset  # the loss before and after is over all rows
    return found


class Progress(TrainerCallback):  # type: ignore[misc]
    """Tells the parent about every step, of the training and of the evaluations before and after it."""

    def __init__(self, job: Job):
        self.job, self.measured = job, 0

    def on_prediction_step(self, args: Any, state: Any, control: Any, eval_dataloader: Any = None, **_: Any) -> None:
        self.measured += 1
        if state.is_world_process_zero:
            when = "after" if state.global_step else "before"
            self.job.say(f"loss {when}", self.measured, len(eval_dataloader))

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.measured = 0

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if state.is_world_process_zero and logs and "loss" in logs:
            self.job.say("training", state.global_step, state.max_steps, loss=logs["loss"])


def whole_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end (its trainer_state.json comes last and parses)."""
    for path in sorted(folder.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]), reverse=True):
        try:
            json.loads((path / "trainer_state.json").read_text())
            return str(path)
        except (OSError, ValueError):
            continue
    return None


def loss_before(job: Job, found: SFTTrainer | DPOTrainer) -> float:
    """The loss of the untouched model over all rows, measured once per job however often it is killed."""
    path = job.work / "loss_before.json"
    if path.exists():
        return float(json.loads(path.read_text()))
    loss = float(found.evaluate()["eval_loss"])  # all processes take part, so that none writes before all have looked
    if found.accelerator.is_main_process:
        write_atomically(path, json.dumps(loss))
    return loss


def moved(base: Path, merged: Any) -> float:
    """How far the weights moved, as the norm of the difference over the norm of the base (2-norm over all of them)."""
    before = {name: tensor for file in base.glob("*.safetensors") for name, tensor in load_file(file).items()}
    after = merged.state_dict()
    squares = torch.zeros(2, dtype=torch.float64)
    for name in before.keys() & after.keys():  # a folder may hold buffers that the loaded model makes anew
        tensor = before[name]
        base_tensor = tensor.double()
        squares += torch.stack([(after[name].cpu().double() - base_tensor).square().sum(), base_tensor.square().sum()])
    return float((squares[0] / squares[1]).sqrt())


def shortage(job: Job, rows_in: int, rejects: list[Rejected], why: str) -> None:
    """An artifact without a model, that says what there was not: the iteration is held, and nothing crashes."""
    if PartialState().is_main_process:
        with job.draft() as draft:
            draft.table("rejects", rejects)
            draft.record |= {"counts": {"in": rows_in, "out": 0}, "shortage": [why]}


def work(job: Job) -> None:
    started = time.monotonic()
    torch.manual_seed(job.given["seed"])
    given = dataset(job.given["method"], Path(job.given["rows"]), PlainText.of(Path(job.given["model"])))
    config, counts = job.given["config"], tokens(given, AutoTokenizer.from_pretrained(job.given["model"]))
    rows, too_long = without_long(given, counts, job)
    if not len(rows):
        shortest = min(map(max, counts))
        none = f"none of {len(given)} rows fits into max_tokens ({config['max_tokens']}), the shortest has {shortest}"
        shortage(job, len(given), too_long, f"{job.given['method']}: {none}: raise it")
        return
    a_pass = sum(sum(count) for count in counts if max(count) <= config["max_tokens"])
    epochs = config["tokens"] / a_pass if config["tokens"] else config["epochs"]
    found = trainer(job, rows, epochs, PartialState().num_processes)
    before = loss_before(job, found)
    found.train(resume_from_checkpoint=whole_checkpoint(job.work / "checkpoints"))
    after = found.evaluate()["eval_loss"]
    if not found.accelerator.is_main_process:
        return
    job.say("merging")
    # In float32: merged into bfloat16, an update of relative size 1e-3 loses most of itself.
    merged = found.accelerator.unwrap_model(found.model).merge_and_unload(safe_merge=True)
    distance = moved(Path(job.given["model"]), merged)
    if distance == 0:
        none = f"{job.given['method']}: {found.state.max_steps} steps moved no weight; raise its learning_rate"
        shortage(job, len(given), too_long, none)
        return
    with job.draft() as draft:
        merged.save_pretrained(draft.path)
        found.processing_class.save_pretrained(draft.path)
        if too_long:
            draft.table("rejects", too_long)
        draft.record |= {
            "counts": {"in": len(given), "out": len(rows)},
            "rejected": {too_long[0].rule: len(too_long)} if too_long else {},
            "trained_tokens": round(a_pass * epochs),  # prompts included
            "seconds": round(time.monotonic() - started, 3),  # of the last attempt, if there were several
            "loss": {"before": before, "after": after},
            "moved": distance,
            "curve": [entry for entry in found.state.log_history if "loss" in entry],
        }


if __name__ == "__main__":
    run_job(work)
