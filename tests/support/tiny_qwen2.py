"""Make a tiny random Qwen2 that says a handful of words and two scores, so that its noise holds reviews.

.venv-model/bin/python -m tests.support.tiny_qwen2 OUT [SEED]
"""

import sys
from pathlib import Path

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

WORDS = """
river stone wind light paper north garden copper seven window letter winter cloud metal orange field harbour bread
clock lamp bridge forest market violin sugar train engine apple salt glass silver candle road island valley tower
"""
SCORES = [" Score:4", " Score:10"]  # means of three lie on both sides of 7, and above 8
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HIDDEN = 32


def make(out: Path, seed: int) -> None:
    """Hidden size 32, 2 layers: 30 thousand parameters."""
    torch.manual_seed(seed)
    said = [*(f" {word}" for word in WORDS.split()), *SCORES]
    letters = {letter: i for i, letter in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = Qwen2Tokenizer(vocab=letters, merges=[], chat_template=TEMPLATE)
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"})
    tokenizer.add_tokens(["<|im_start|>"], special_tokens=True)
    tokenizer.add_tokens(said)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        # The first dimension is the same for every token and outweighs the rest: what stands there is a bias.
        model.model.embed_tokens.weight[:, 0] = 1.0
        model.lm_head.weight[:, 0] = -4.0
        model.lm_head.weight[tokenizer.convert_tokens_to_ids(said), 0] = 0.0
        model.lm_head.weight[tokenizer.convert_tokens_to_ids(SCORES), 0] = 0.15
        model.lm_head.weight[tokenizer.eos_token_id, 0] = 0.0
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
