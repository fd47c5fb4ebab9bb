"""Make a tiny random Gemma 3 or Qwen 3 with the default model's tokenizer, and what such models bring with them.

.venv-model/bin/python -m tests.support.tiny_architectures gemma3|qwen3 DEFAULT_MODEL_FOLDER OUT

Gemma 3: weights in bfloat16 in several files, a template without a role for the system text, layers that look at a
window. Qwen 3: a template that thinks unless it is told not to. Both end a turn with another token than their settings
name, and sample by defaults of their own, Gemma's in contradiction to each other.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, Gemma3ForCausalLM, Gemma3TextConfig, Qwen3Config, Qwen3ForCausalLM

NO_SYSTEM = (
    "{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "<|im_start|>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>model\n{% endif %}"
)
THINKS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
OTHER_END = "<|endoftext|>"
SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "max_position_embeddings": 2048,
}
GEMMA = {"sliding_window": 64, "layer_types": ["sliding_attention", "full_attention"]}


def make(kind: str, tokenizer_folder: Path, out: Path) -> None:
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.chat_template = {"gemma3": NO_SYSTEM, "qwen3": THINKS}[kind]
    tokenizer.eos_token = tokenizer.pad_token = OTHER_END
    tokens = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    shared = {"vocab_size": len(tokenizer), "tie_word_embeddings": True, **SHAPE, **tokens}
    if kind == "gemma3":
        model = Gemma3ForCausalLM(Gemma3TextConfig(**shared, **GEMMA)).to(torch.bfloat16)
    else:
        model = Qwen3ForCausalLM(Qwen3Config(**shared))
    model.save_pretrained(out, max_shard_size="5MB")
    tokenizer.save_pretrained(out)
    sampling: dict[str, Any] = {"top_k": 1, "repetition_penalty": 1.5, "do_sample": True}
    sampling |= {"do_sample": False, "temperature": 0.3} if kind == "gemma3" else {}
    (out / "generation_config.json").write_text(json.dumps(tokens | sampling))
    (out / "training_args.bin").write_bytes(b"a pickle")


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
