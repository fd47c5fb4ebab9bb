"""How far a candidate has drifted from M_0: KL(candidate || M_0) on the held-out seeds, in nats per response token.

    -m tasks.train.jobs.divergence JOB.json          (in the model environment)

`given`: model and base (folders), rows (a Parquet file of seeds), cpu, max_tokens. Over the whole vocabulary, at each
token of the seeds' own responses, MOST_ROWS of them at most: exact and the same tokens for every candidate, where an
estimate on the candidate's own samples would be noisy and on other tokens each time.
"""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from transformers import AutoModelForCausalLM

from tasks.engines.calls import chat
from tasks.engines.processes.job import Job, run_job
from tasks.train.jobs.plain_chat import PlainChat

MOST_ROWS = 512


def response_log_probs(model: Any, prompt: list[int], whole: list[int]) -> torch.Tensor:
    """Log-probabilities [response tokens, vocabulary] at the places of the response."""
    ids = torch.tensor([whole], device=model.device)
    logits = model(ids, logits_to_keep=len(whole) - len(prompt) + 1).logits[0, :-1]
    return torch.log_softmax(logits.float(), dim=-1)


def measure(job: Job) -> dict[str, Any]:
    """What goes into the record."""
    given = job.given
    device = "cpu" if given["cpu"] else "cuda"
    reader = PlainChat(Path(given["model"]))
    models = [
        AutoModelForCausalLM.from_pretrained(given[name], dtype=torch.float32).to(device).eval()
        for name in ("model", "base")
    ]
    rows = pq.read_table(given["rows"]).slice(0, MOST_ROWS).to_pylist()
    total, tokens = 0.0, 0
    with torch.inference_mode():
        for done, row in enumerate(rows):
            history = tuple(row["history"])
            asked, answered = (
                reader.messages(chat(row["instruction"], text, history=history)) for text in (None, row["response"])
            )
            prompt, whole = reader.ids(asked, prompt=True), reader.ids(answered)[: given["max_tokens"]]
            candidate, base = (response_log_probs(model, prompt, whole) for model in models)
            total += float((candidate.exp() * (candidate - base)).sum())
            tokens += len(candidate)
            job.say("KL to M_0", done + 1, len(rows))
    return {"counts": {"in": len(rows)}, "kl": total / max(tokens, 1), "tokens_compared": tokens}


def work(job: Job) -> None:
    with job.draft() as draft:  # whose seconds count from here on
        draft.record |= measure(job)


if __name__ == "__main__":
    run_job(work)
