"""How likely models find texts, in float32: nats a token, for models that were trained in different ways.

MODEL_PYTHON -m tests.bench.trainer.likelihoods ROWS.parquet MODEL...

Prints a JSON list for each model: by row, the mean log-probability of the tokens of the column `response`, or of
`chosen` less that of `rejected`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.engines.calls import chat
from tasks.train.jobs.divergence import response_log_probs


def mean(model: Any, tokenizer: Any, instruction: str, response: str) -> float:
    asked, answered = (list(chat(instruction, text)) for text in (None, response))
    prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=True)["input_ids"]
    whole = tokenizer.apply_chat_template(answered, return_dict=True)["input_ids"]
    log_probs = response_log_probs(model, prompt, whole)
    return float(log_probs.gather(1, torch.tensor(whole[len(prompt) :])[:, None]).mean())


def main() -> None:
    rows = pq.read_table(sys.argv[1]).to_pylist()
    for folder in map(Path, sys.argv[2:]):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        found = []
        with torch.inference_mode():
            for row in rows:
                sides = ("response",) if "response" in row else ("chosen", "rejected")
                first, *second = (mean(model, tokenizer, row["instruction"], row[side]) for side in sides)
                found.append(first - sum(second))
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
