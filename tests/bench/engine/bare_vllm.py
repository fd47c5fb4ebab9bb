"""A vLLM server and a few lines of aiohttp: what `make bench-engine` compares with."""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from tasks.engines.calls import Call
from tasks.engines.completions import CHAT, COMPLETIONS
from tasks.engines.processes import platform
from tasks.engines.processes.ports import free_port
from tasks.engines.tokenizing.tokens import Tokens

# The fastest found for the default model on two cores: 64 in flight wrote 359 tokens a second, 128 441, 256 530; 8,192
# tokens of prompts in one step for 2,048 made 1.1 of it at 128; compiled, 468 for 488.
BEST = ["--max-num-seqs", "256", "--max-num-batched-tokens", "8192", "--no-enable-chunked-prefill", "--enforce-eager"]
IN_FLIGHT = 256
TIMEOUT_S = 1800


@contextlib.contextmanager
def serving(model: Path, dtype: str, log: Path) -> Iterator[str]:
    """The address of a bare server."""
    port = free_port()
    command = [str(platform.model_python()), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--served-model-name", "model", "--host", "127.0.0.1", "--port", str(port), "--dtype", dtype]
    command += ["--max-model-len", "2048", "--disable-log-stats", "--disable-uvicorn-access-log", *BEST]
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    own = {"VLLM_CPU_OMP_THREADS_BIND": cores, "VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_LOGGING_LEVEL": "WARNING"}
    own |= {"GOMP_SPINCOUNT": "2000"}  # as ours
    with log.open("ab") as file, subprocess.Popen(command, env=os.environ | own, stdout=file, stderr=file) as server:
        try:
            while not _up(f"http://127.0.0.1:{port}/health"):
                assert server.poll() is None, log.read_text()[-3000:]
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def ask(url: str, calls: Sequence[Call], tokens: Tokens) -> int:
    """Tokens written, or of likelihoods read."""
    return sum(asyncio.run(_ask(url, calls, tokens)))


async def _ask(url: str, calls: Sequence[Call], tokens: Tokens) -> list[int]:
    gate = asyncio.Semaphore(IN_FLIGHT)
    limits = {"timeout": aiohttp.ClientTimeout(total=TIMEOUT_S), "connector": aiohttp.TCPConnector(limit=0)}

    async def one(call: Call) -> int:
        body: dict[str, Any] = {"model": "model", "max_tokens": call.max_new_tokens, "temperature": call.temperature}
        if call.kind == "write":
            path, more = CHAT, {"messages": list(call.messages), "seed": call.seed, "min_p": call.min_p}
        else:
            whole = tokens.ids((*call.messages, {"role": "assistant", "content": call.response}), closed=True)
            path, more = COMPLETIONS, {"prompt": whole, "prompt_logprobs": 0}
        async with gate, session.post(path, json=body | more) as reply:
            usage = (await reply.json())["usage"]
        return int(usage["completion_tokens" if call.kind == "write" else "prompt_tokens"])

    async with aiohttp.ClientSession(url, **limits) as session:  # type: ignore[arg-type]
        return await asyncio.gather(*(one(call) for call in calls))
