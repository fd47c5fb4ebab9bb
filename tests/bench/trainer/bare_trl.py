"""Train with TRL and nothing else: what `make bench-trainer` compares with.

MODEL_PYTHON -m tests.bench.trainer.bare_trl METHOD MODEL ROWS.parquet OUT DTYPE BATCH_ROWS EPOCHS LEARNING_RATE

Prints the seconds of `train()`. The settings are the fastest found for TRL 1.16 on two cores: the base in float32 under
autocast (146 tokens a second; the base in bfloat16: 129, bfloat16 throughout: 135), batches as they are (micro-batches
of 4 and 2 in rows shared out by length: 0.9 and 0.7 of it), no checkpointing, two threads. All these with torch's own
attention and libgomp's threads; eager attention and threads that spin 2,000 turns: 193 for 169.
"""

import sys
import time
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from tasks.train.jobs.plain_chat import PlainChat
from tasks.train.jobs.rows import dataset


def main() -> None:
    method, model, rows, out, dtype, batch_rows, epochs, rate = sys.argv[1:]
    torch.manual_seed(1)
    shared: dict[str, Any] = {
        "output_dir": f"{out}-checkpoints",
        "per_device_train_batch_size": int(batch_rows),
        "learning_rate": float(rate),
        "num_train_epochs": float(epochs),
        "lr_scheduler_type": "cosine",
        "max_length": 1024,
        "logging_steps": 1,
        "save_strategy": "no",
        "seed": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "model_init_kwargs": {"dtype": "float32", "attn_implementation": "eager"},
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "use_cpu": True,
        "bf16": dtype == "bfloat16",
    }
    kind, arguments = (
        (DPOTrainer, DPOConfig(beta=0.1, precompute_ref_log_probs=True, **shared))
        if method == "dpo"
        else (SFTTrainer, SFTConfig(**shared))
    )
    trainer = kind(
        model=model,
        args=arguments,
        train_dataset=dataset(method, Path(rows), PlainChat(Path(model))),
        processing_class=AutoTokenizer.from_pretrained(model),
        peft_config=LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    started = time.monotonic()
    trainer.train()
    print(time.monotonic() - started)
    trainer.model.merge_and_unload(safe_merge=True).save_pretrained(out)
    trainer.processing_class.save_pretrained(out)


if __name__ == "__main__":
    main()
