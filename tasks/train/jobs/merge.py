"""What a LoRA training learned, in the float32 weights that it began from.

Never in what the training computed with: merged into bfloat16, an update of a thousandth of a weight loses most of it.
Where another training follows, the adapter alone is kept, a hundredth of the model, and merged again for that one.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from tasks.engines.processes.job import Job
from tasks.store.artifacts import Draft

PREFIX = "base_model.model."  # PEFT's own, before the names of the model that it wraps


def learned_matrices(model: Any) -> Iterator[tuple[str, Any]]:
    """Name in the master, and layer, of each matrix with a LoRA of PEFT's."""
    for name, layer in model.named_modules():
        if hasattr(layer, "get_delta_weight"):
            yield f"{name.removeprefix(PREFIX)}.weight", layer


def place(model: Any, whole: Any | None) -> None:
    """Give the wrapped model the merged one's weights, in its own dtype: with its adapter off it is what is served.

    Processes that have not merged it themselves, and give None, get them from the first one.
    """
    for name, layer in learned_matrices(model):
        weight = layer.get_base_layer().weight.data
        if whole is not None:
            weight.copy_(whole.get_parameter(name).data.to(weight.device))
        if torch.distributed.is_initialized():
            torch.distributed.broadcast(weight, 0)


def merged(model: Any, master: Path) -> tuple[Any, float]:
    """The master with what was learned, in float32, and how far its weights moved: the norm of the difference over the
    norm of all weights (2-norms).

    Raises ValueError for an update that is no number.
    """
    found = AutoModelForCausalLM.from_pretrained(master, dtype=torch.float32)
    difference = torch.zeros((), dtype=torch.float64)
    whole = sum(tensor.data.double().square().sum() for tensor in found.parameters())
    for name, layer in learned_matrices(model):
        weight = found.get_parameter(name)
        after = weight.data + layer.get_delta_weight("default").detach().float().cpu()
        if not after.isfinite().all():
            raise ValueError(f"{name} is no number any more after training: lower the learning_rate")
        difference += (after.double() - weight.data.double()).square().sum()
        weight.data.copy_(after)
    return found, float((difference / whole).sqrt())


def keep_adapter(model: Any, draft: Draft) -> None:
    """In PEFT's format, without the path of this machine that it notes as the base: that one is in the record."""
    model.save_pretrained(draft.path)
    file = draft.path / "adapter_config.json"
    known = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(known | {"base_model_name_or_path": None}, indent=2), encoding="utf-8")


def keep_whole(model: Any, tokenizer: Any, folder: Path) -> None:
    """A model as transformers loads it. Defaults for sampling that contradict each other it would not save: they go."""
    ends = model.generation_config
    try:
        ends.validate(strict=True)
    except ValueError:
        names = ("bos_token_id", "eos_token_id", "pad_token_id")
        model.generation_config = GenerationConfig(**{name: getattr(ends, name) for name in names})
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def begun_from(job: Job, together: PartialState) -> Path:
    """The folder of the model that is trained. One that is a model and an adapter is merged in the job's own folder,
    by one process of each machine and once, however often the job is killed.
    """
    master, folder = Path(job.given["model"]), job.work / "model"
    if not job.given.get("adapter"):
        return master
    if together.is_local_main_process and not folder.exists():
        job.say("merging")
        whole = AutoModelForCausalLM.from_pretrained(master, dtype=torch.float32)
        half_written = job.work / "model.tmp"
        whole = PeftModel.from_pretrained(whole, job.given["adapter"]).merge_and_unload()
        whole.should_save_on_this_rank = lambda _: True  # or of all machines' processes only the first one writes
        keep_whole(whole, AutoTokenizer.from_pretrained(master), half_written)
        half_written.rename(folder)
    together.wait_for_everyone()
    return folder
