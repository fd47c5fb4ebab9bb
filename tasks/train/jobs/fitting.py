"""How a training uses its device: the attention that is fastest there, and activations computed again where there is no
room for them.
"""

import resource
from importlib.util import find_spec
from typing import Any

FLASH = "flash_attention_2"
# What a layer keeps of a token for the gradient, in numbers of the computation's dtype (after Korthikanti et al., 2022,
# arXiv 2205.05198, for gated layers). Ten of the width: inputs and outputs of both norms, query, attention's result and
# its input again, both residuals; LoRA's own are few. Four of the inner width: gate, up, activation, their product.
OF_WIDTH, OF_INNER_WIDTH, OF_KEYS_AND_VALUES = 10, 4, 2
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
SHARE = 0.8  # of what is free; fragments and the kernels' own room take the rest


def attention(given: dict[str, Any]) -> str | None:
    """As Transformers names it, None for its own choice; raises ValueError for FlashAttention where there is none."""
    asked, there = given.get("attention", "auto"), find_spec("flash_attn") is not None and not given["cpu"]
    if asked == FLASH and not there:
        raise ValueError(
            f"trainer.attention={FLASH}: expected a GPU and the package flash-attn; install it, or leave it at auto"
        )
    if asked != "auto":
        return str(asked)
    if given["cpu"]:
        return "eager"  # torch's own is slow on CPUs, its gradient most: SFT of SmolLM2 170 tokens a second, eager 207
    return FLASH if there and given["dtype"] != "float32" else None


def loading(given: dict[str, Any]) -> dict[str, Any]:
    """The frozen base; PEFT keeps LoRA's own weights, and so what is learned, in float32."""
    chosen = attention(given)
    return {"dtype": given["dtype"]} | ({"attn_implementation": chosen} if chosen else {})


def without_padding(given: dict[str, Any]) -> dict[str, Any]:
    """For SFT: the rows of a micro-batch as one, which only FlashAttention keeps apart. TRL 1.16's DPO has no such."""
    return {"padding_free": given["method"] == "sft" and attention(given) == FLASH}


def recomputes(given: dict[str, Any], config: Any, tokens: int) -> bool:
    """Whether activations of `tokens` are computed again in place of kept; `config` is the model's.

    So they are where its shape does not tell what it takes: experts, or layers of another kind.
    """
    how = given.get("checkpointing", "auto")
    if how != "auto" or given["cpu"]:
        return bool(how == "always")
    config = config.get_text_config()
    if any(getattr(config, name, None) for name in EXPERTS) or getattr(config, "intermediate_size", None) is None:
        return True
    import torch

    free_bytes, _ = torch.cuda.mem_get_info()
    of_number, models = 4 if given["dtype"] == "float32" else 2, 2 if given["reference"] else 1
    needed = models * weights_bytes(config, of_number) + kept_bytes(config, tokens, of_number)
    return needed > SHARE * int(free_bytes)


def weights_bytes(config: Any, of_number: int) -> int:
    """Of the frozen base; norms and biases left out."""
    width, keys, inner = _widths(config)
    layer = 2 * width * width + 2 * width * keys + 3 * width * inner
    return int(of_number * (config.num_hidden_layers * layer + config.vocab_size * width))


def kept_bytes(config: Any, tokens: int, of_number: int) -> int:
    """What is kept of so many tokens for the gradient: activations of all layers, and logits in float32."""
    width, keys, inner = _widths(config)
    layer = OF_WIDTH * width + OF_INNER_WIDTH * inner + OF_KEYS_AND_VALUES * keys
    return int(tokens * (of_number * config.num_hidden_layers * layer + 4 * config.vocab_size))


def peak_gib(cpu: bool) -> float:
    """Of this process so far: on its GPU, or in all."""
    if cpu:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    import torch

    return float(torch.cuda.max_memory_reserved()) / 2**30


def _widths(config: Any) -> tuple[int, int, int]:
    """Of the model, of all keys, and within a layer's MLP."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    of_head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return config.hidden_size, heads * of_head, config.intermediate_size
