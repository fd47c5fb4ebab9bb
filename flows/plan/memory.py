"""What a recipe needs beside time: memory by part, and disk. From a model's shape, before anything runs."""

from flows.plan.model_shape import ModelShape
from tasks.recipe.recipe import Recipe

BYTES_LORA = 16  # float32 weight and gradient, two moments of Adam


def memory_gib(recipe: Recipe, shape: ModelShape, served_bytes: int, cuda: bool) -> dict[str, float]:
    """GiB by part on each GPU: engine's weights, cache of all requests in flight; trainer's weights, LoRA, logits.

    Training holds float32 weights whatever is served, since merging into bfloat16 loses the update.
    """
    engine, gib = recipe.engine, 2**30
    lora = recipe.dpo.lora.rank * shape.layers * (9 * shape.hidden + 3 * shape.intermediate + 2 * shape.kv_width)
    cache = 2 * shape.layers * shape.kv_width * served_bytes * engine.context_tokens * engine.at_once(cuda)
    rows = 2 * recipe.trainer.device_rows  # chosen and rejected at once
    logits = rows * recipe.dpo.max_tokens * shape.vocabulary * 4
    kept = rows * recipe.dpo.max_tokens * shape.layers * shape.hidden * 2  # layers' inputs, for checkpointing
    copies = 1 + (recipe.dpo.reference != "sft")
    found = {
        "engine: weights": shape.parameters * served_bytes / engine.tensor_parallel,
        "engine: cache for all requests in flight at full length": cache / engine.tensor_parallel,
        "trainer: weights": copies * shape.parameters * 4,
        "trainer: LoRA with gradient and optimizer": lora * BYTES_LORA,
        "trainer: logits and activations": logits + kept,
    }
    return {name: size / gib for name, size in found.items()}


def disk_gib(recipe: Recipe, shape: ModelShape) -> float:
    """Float32 models: the starting one, M_0 if it is taught, one of each iteration, and SFT's while DPO trains.

    Adapters and checkpoints of them are some hundredths of one.
    """
    models = 1 + bool(recipe.teach.skill_rows) + recipe.iterations + recipe.trains_dpo
    return models * shape.parameters * 4 / 2**30
