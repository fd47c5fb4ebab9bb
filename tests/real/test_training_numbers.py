"""What a training computes with: our log-probabilities are TRL's, and bfloat16 keeps what was learned."""

import json
import subprocess
from pathlib import Path

import pytest

from tasks.engines.processes.platform import model_python
from tasks.store.home import ROOT

LOG_PROBS = """
import json, torch
from trl.kernels import ChunkedLogProbFunction as Theirs
from tasks.train.jobs.log_probs import Chosen, LogProbs as Ours
torch.manual_seed(0)
tokens, width, vocabulary = 300, 48, 5000  # more than two of our parts, not a whole number of them
weight, bias = torch.randn(vocabulary, width) / 4, torch.randn(vocabulary)
hidden, targets, beside = torch.randn(tokens, width), torch.randint(vocabulary, (tokens,)), torch.randn(tokens)
targets[:40] = (hidden @ weight.T + bias)[:40].argmax(1)
for kind in (torch.float32, torch.bfloat16):
    for given in ((None, 1.0, 1.0), (bias, 0.7, 0.5)):
        sides = []
        for function in (Theirs, Ours):
            states = hidden.clone().requires_grad_()
            with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
                found = function.apply(states, weight, given[0], targets, given[1], 4096, None, given[2],
                                       ("entropy", "mean_logits", "is_top1"))
            (found[0] * beside).sum().backward()
            sides.append([*(one.float() for one in (found[0], found[1], found[3], found[4])), states.grad])
        off = [float((a - b).abs().max() / a.abs().max()) for a, b in zip(*sides)]
        print(json.dumps([str(kind), off, float(sides[1][3].sum())]))
last = ("entropy", "mean_logits", "is_top1")
capped = [f.apply(hidden, weight, None, targets, 1.0, 4096, 30.0, 1.0, last)[0] for f in (Theirs, Chosen)]
print(json.dumps(["capped", [float((capped[0] - capped[1]).abs().max())] * 5, 1.0]))
"""

MERGE = """
import json, sys, torch
from pathlib import Path
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from tasks.train.jobs.merge import learned_matrices, merged, place
folder = Path(sys.argv[1])
base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
model = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
torch.manual_seed(0)
kinds = set()
for name, value in model.named_parameters():
    if "lora_" in name:
        kinds.add(str(value.dtype))
        value.data = torch.randn_like(value) * 1e-3
before = load_file(folder / "model.safetensors")
wanted = {name: before[name] + layer.get_delta_weight("default").detach() for name, layer in learned_matrices(model)}
found, distance = merged(model, folder)
lost = max(float((found.get_parameter(n) - w).abs().max()) for n, w in wanted.items())
place(model, found)
placed = all(torch.equal(layer.get_base_layer().weight, wanted[n].bfloat16()) for n, layer in learned_matrices(model))
small = max(float((w - before[n]).norm() / before[n].norm()) for n, w in wanted.items())
print(json.dumps([len(wanted), sorted(kinds), lost, small, distance, placed, str(found.dtype)]))
"""


def run(code: str, *arguments: str) -> list[list[object]]:
    done = subprocess.run(
        [str(model_python()), "-c", code, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_log_probabilities_metrics_and_gradient_are_those_of_trl() -> None:
    found = run(LOG_PROBS)
    assert len(found) == 5
    for kind, off, likeliest in found:
        print(kind, off)
        assert isinstance(off, list) and isinstance(likeliest, float)
        exact = kind != "torch.bfloat16"  # else TRL rounds the bias, too, and so decides ties in another way
        assert max(off[: 4 if exact else 3]) < (1e-6 if exact else 1e-2), "values"
        assert off[4] < (1e-5 if exact else 2e-2), "gradient: bfloat16 rounds to 1 in 256"
        assert likeliest >= 1


def test_an_update_of_a_thousandth_is_merged_whole_though_it_was_computed_in_bfloat16(tiny_model: Path) -> None:
    ((matrices, kinds, lost, small, distance, placed, merged),) = run(MERGE, str(tiny_model))
    assert (matrices, kinds, merged) == (14, ["torch.float32"], "torch.float32")
    assert isinstance(small, float) and 0 < small < 1e-3, "what bfloat16 would lose most of"
    assert lost == 0 and placed
    assert distance == pytest.approx(small, rel=1) and distance != 0
