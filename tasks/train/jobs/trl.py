"""Train one model with TRL: SFT or DPO, LoRA in float32 on a frozen base in the device's dtype, merged in float32.

    [torchrun] -m tasks.train.jobs.trl JOB.json          (in the model environment)

`given`: method ("sft" or "dpo"), model (folder), adapter (folder of one that belongs to it, or ""), rows (a Parquet
file of TrainRow or PreferencePair), config (SftConfig or DpoConfig), reference (folder of DPO's reference model, "" for
the model itself), whole (a model is kept; else its adapter alone), device_rows, save_steps, dtype, attention,
checkpointing, cpu, seed, machines (that train together). Out comes the folder of a model or an
adapter; its record holds the losses before and after, of the merged model and over at most LOSS_ROWS rows, the curve of
the training, and how far the weights moved. A killed job continues from the last whole checkpoint in its work folder.
"""

import contextlib
import json
import math
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from peft import LoraConfig
from peft.helpers import disable_input_dtype_casting
from transformers import AutoConfig, AutoModelForCausalLM, TrainerCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from tasks.engines.processes.job import Job, run_job
from tasks.store.files import write_atomically
from tasks.store.rows import Rejected
from tasks.train.jobs import log_probs, resumed
from tasks.train.jobs.fitting import loading, peak_gib, recomputes, without_padding
from tasks.train.jobs.merge import begun_from, keep_adapter, keep_whole, merged, place
from tasks.train.jobs.plain_chat import PlainChat
from tasks.train.jobs.rows import dataset, shared, tokens, without_long

LOSS_ROWS = 128  # whose loss is taken before and after: over 433 pairs it was a fifth of a DPO of 55 steps


def spread(batch_rows: int, device_rows: int, processes: int) -> tuple[int, int]:
    """Rows at a time on each device, at most `device_rows`, and how often they add up to exactly `batch_rows`."""
    each, rest = divmod(batch_rows, processes)
    if rest or not each:
        raise ValueError(f"batch_rows is {batch_rows}, which {processes} devices cannot share: make it a multiple")
    at_once = next(rows for rows in range(min(device_rows, each), 0, -1) if each % rows == 0)
    return at_once, each // at_once


def trainer(job: Job, rows: Dataset, lengths: list[int], epochs: float, processes: int) -> SFTTrainer | DPOTrainer:
    """`lengths`: each row's tokens. The rows come in an order of the seed's own: the sampler's is the same for all."""
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(job.given["seed"])).tolist()
    by_length = sorted(order, key=lambda row: lengths[row])  # what is read at once is alike in length: little padding
    given, config = job.given, job.given["config"]
    device_rows, accumulation = spread(config["batch_rows"], given["device_rows"], processes)
    steps = math.ceil(math.ceil(len(rows) / config["batch_rows"]) * epochs)
    lora, texts = config["lora"], 1 + (given["method"] == "dpo")
    at_once = texts * device_rows * min(config["max_tokens"], max(lengths))  # tokens, padding among them
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
        # Not by `evaluate` before the training: accelerate then takes the model for prepared, and several processes
        # train each a model of their own.
        "eval_on_start": resumed.loss_before(job) is None,
        "save_total_limit": 2,
        "save_on_each_node": True,  # of several machines: each goes on from its own
        "seed": given["seed"],
        # A step's rows as they come, shared out by length: 1.35 times as fast where lengths differ much (30 to 315
        # tokens, micro-batches of 4), 0.9 where they do not. `group_by_length` gained 1.06, and groups whole steps.
        "train_sampling_strategy": "batch_rebalance",
        "remove_unused_columns": False,  # the sampler reads `length` from what is left
        "report_to": "none",
        "disable_tqdm": True,
        "model_init_kwargs": loading(given),
        "gradient_checkpointing": recomputes(given, AutoConfig.from_pretrained(given["model"]), at_once),
        "dataloader_pin_memory": not given["cpu"],
        "use_cpu": given["cpu"],
        "bf16": given["dtype"] == "bfloat16",  # autocast of the computation
    }
    if given["method"] == "dpo":
        # The reference's log-probabilities once, for the training and both evaluations: 6 passes over a pair, not 8.
        nll = config.get("nll", 0)
        losses: dict[str, Any] = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, nll]} if nll else {}
        kind = DPOTrainer
        # Of several machines the first would keep them, and the others look for its file: each has a reference then.
        alone = given["machines"] == 1
        arguments = DPOConfig(beta=config["beta"], precompute_ref_log_probs=alone, **losses, **shared)
        named = given["reference"] or ("" if alone else given["model"])
        other = named and AutoModelForCausalLM.from_pretrained(named, **loading(given))
        reference = {"ref_model": other or None}  # none: the model without its adapter
    else:
        kind, arguments, reference = SFTTrainer, SFTConfig(**without_padding(given), **shared), {}
    found: SFTTrainer | DPOTrainer = kind(
        model=given["model"],
        **reference,
        args=arguments,
        train_dataset=rows.select(by_length),  # DPO's reference reads them here, in this order
        processing_class=PlainChat(Path(given["model"])).tokenizer,
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
    place = {row: at for at, row in enumerate(by_length)}
    found.eval_dataset = found.train_dataset.select(sorted(place[row] for row in order[:LOSS_ROWS]))
    in_order = found.train_dataset.select([place[row] for row in order])
    found.train_dataset = in_order.add_column("length", [lengths[row] for row in order])
    return found


class Progress(TrainerCallback):  # type: ignore[misc]
    """Tells the parent about every step, of the training and of the evaluations before and after it."""

    def __init__(self, job: Job):
        self.job, self.measured, self.before_s = job, 0, 0.0

    def on_prediction_step(self, args: Any, state: Any, control: Any, eval_dataloader: Any = None, **_: Any) -> None:
        self.measured += 1
        if state.is_world_process_zero:
            when = "after" if state.global_step else "before"
            self.job.say(f"loss {when}", self.measured, len(eval_dataloader))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        self.measured = 0
        if not state.global_step and state.is_world_process_zero:
            write_atomically(resumed.loss_file(self.job), json.dumps(metrics["eval_loss"]))
            self.before_s = metrics["eval_runtime"]

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if state.is_world_process_zero and logs and "loss" in logs:
            self.job.say("training", state.global_step, state.max_steps, loss=logs["loss"])


def shortage(job: Job, rows_in: int, rejects: list[Rejected], why: str) -> None:
    """An artifact without a model, that says what there was not: the iteration is held, and nothing crashes."""
    if PartialState().is_main_process:
        with job.draft() as draft:
            draft.table("rejects", rejects)
            draft.record |= {"counts": {"in": rows_in, "out": 0}, "shortage": [why]}


def work(job: Job) -> None:
    started = time.monotonic()
    # The others wait while one merges: by default for ten minutes, which a large model takes.
    waits = {"timeout": timedelta(hours=2)} if "RANK" in os.environ else {}
    # First of all: it is one for the process, and keeps what it found.
    together = PartialState(cpu=job.given["cpu"], **waits)
    if job.given["cpu"]:
        log_probs.use()
    torch.manual_seed(job.given["seed"])
    job = job.model_copy(update={"given": job.given | {"model": str(begun_from(job, together))}})
    chat = PlainChat(Path(job.given["model"]))
    given = dataset(job.given["method"], Path(job.given["rows"]), chat)
    config, counts = job.given["config"], tokens(given, chat)
    rows, too_long = without_long(given, counts, job)
    if not len(rows):
        shortest = min(map(max, counts))
        none = f"none of {len(given)} rows fits into max_tokens ({config['max_tokens']}), the shortest has {shortest}"
        shortage(job, len(given), too_long, f"{job.given['method']}: {none}: raise it")
        return
    kept = [count for count in counts if max(count) <= config["max_tokens"]]
    a_pass = sum(map(sum, kept))
    epochs = config["tokens"] / a_pass if config["tokens"] else config["epochs"]
    rows = shared(rows, job.work / "rows", together)
    found = trainer(job, rows, list(map(max, kept)), epochs, together.num_processes)
    # Autocast casts what goes into a layer. PEFT would before, to float32, LoRA's own: without 1.09 times as fast.
    autocast = job.given["dtype"] == "bfloat16"
    with disable_input_dtype_casting(found.model) if autocast else contextlib.nullcontext():
        trained = found.train(resume_from_checkpoint=resumed.checkpoint(job.work / "checkpoints"))
    before_s = sum(one.before_s for one in found.callback_handler.callbacks if isinstance(one, Progress))
    job.say("merging")
    learned, before = found.accelerator.unwrap_model(found.model), resumed.loss_before(job)
    # Of one process alone: a master for each of eight GPUs would take eight times the memory of the machine.
    model, distance = merged(learned, Path(job.given["model"])) if together.is_main_process else (None, 0.0)
    place(learned, model)
    with learned.disable_adapter():
        after = found.evaluate()["eval_loss"]
    if model is None:
        return
    if distance == 0:
        none = f"{job.given['method']}: {found.state.max_steps} steps moved no weight; raise its learning_rate"
        shortage(job, len(given), too_long, none)
        return
    with job.draft() as draft:
        if job.given.get("whole", True):
            keep_whole(model, found.processing_class, draft.path)
        else:
            keep_adapter(learned, draft)
        if too_long:
            draft.table("rejects", too_long)
        draft.record |= {
            "counts": {"in": len(given), "out": len(rows)},
            "rejected": {too_long[0].rule: len(too_long)} if too_long else {},
            "dtype": job.given["dtype"],
            "trained_tokens": round(a_pass * epochs),  # prompts included
            "epochs": round(found.state.epoch or 0, 3),  # by the steps that were done
            "seconds": round(time.monotonic() - started, 3),  # of the last attempt, if there were several
            "training_seconds": round(trained.metrics["train_runtime"] - before_s, 3),  # of that, without the losses
            "loss": {"before": before, "after": after, "rows": len(found.eval_dataset)},
            "moved": distance,
            "attention": found.model.config._attn_implementation,
            "recomputed": found.args.gradient_checkpointing,
            "peak_gib": round(peak_gib(job.given["cpu"]), 2),
            "curve": [entry for entry in found.state.log_history if "loss" in entry],
        }


if __name__ == "__main__":
    run_job(work)
