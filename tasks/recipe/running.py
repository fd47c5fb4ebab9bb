"""How a recipe is run. None of it shapes an artifact, but for what gives other answers, or room for them:
`engine.dtype`, `engine.arguments`, `engine.context_tokens`.
"""

from math import ceil
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.recipe.values import Config, NotNegative, Positive


class BudgetConfig(Config):
    """What one run may spend; then it stops, and the next run continues."""

    tokens: Positive | None = None
    """Tokens written by the engines."""
    hours: Annotated[float, Field(gt=0)] | None = None
    """Hours of the run."""


class ExecutionConfig(Config):
    """Where models are asked and trained: by the run itself, or by child runs of deployments.

    deployments: for a pool of several machines. The run itself, on a machine that needs no GPU, puts its questions down
    in the shared LANCE_HOME; `workers` child runs, each on a slot of its pool, answer them in shards, and one trains.
    """

    fan_out: Literal["threads", "deployments"] = "threads"
    """`threads`: on this machine; `deployments`: by child runs on machines that share LANCE_HOME or LANCE_STORE."""
    workers: Positive = 1
    """Child runs that answer requests."""
    answer: str = "answer/answer"
    """FLOW/DEPLOYMENT of the child runs that answer."""
    train: str = "train/train"
    """FLOW/DEPLOYMENT of the child run that trains."""
    trainers: Positive = 1
    """Child runs that train together, each on all GPUs of its slot: as many slots have to be free at the same time."""
    idle_s: NotNegative = 60
    """Seconds for which a child run keeps its engine without a request."""

    @model_validator(mode="after")
    def _only_child_runs_train_together(self) -> Self:
        if self.trainers > 1 and self.fan_out == "threads":
            raise ValueError(f"trainers is {self.trainers}, which are child runs: set execution.fan_out to deployments")
        return self


class EngineConfig(Config):
    """How inference is run."""

    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "auto"
    """What the model is served and measured in; `auto`: bfloat16 where the device has units for it, else float32."""
    endpoints: tuple[Annotated[str, Field(pattern="^https?://")], ...] = ()
    """Addresses of servers that are there already (`lance serve NAME --for-runs`) and share LANCE_HOME; their key is
    in LANCE_ENGINE_KEY. None: an engine of the run's own."""
    context_tokens: Positive = 2048
    """Longest request, answer included."""
    in_flight: Positive | Literal["auto"] = "auto"
    """Requests that each engine is given at once; `auto`: 512 for each GPU, which runs as many at once as fit, and 256
    on a CPU."""
    tensor_parallel: Positive = 1
    """GPUs that hold one copy of the model together; each group of so many answers requests of its own."""
    arguments: tuple[str, ...] = ()
    """More arguments of vLLM's server, as `[--max-num-batched-tokens=16384]`; they count for what is cached."""
    shard_requests: Positive = 2000
    """Requests of one Prefect task run, with an artifact of its own; more where a stage would have over 200 of them."""
    shards_at_once: Positive = 2
    """The next shard fills the engine while the last answers of one come in; more where it takes more to fill all."""
    kv_cache_gib: Positive = 2
    """Key-value cache, on a CPU only."""
    start_deadline_s: Positive = 600
    """Seconds after which an engine that is not up counts as failed."""

    def at_once(self, cuda: bool) -> int:
        """Requests that one engine is given at once."""
        return self.in_flight if self.in_flight != "auto" else 512 if cuda else 256

    def shards_together(self, gpus: int) -> int:
        """Shards that are asked at the same time: at least as many as hold what all engines are given at once."""
        engines = len(self.endpoints) or (gpus if self.in_flight == "auto" else 1)
        at_once = self.at_once(cuda=bool(gpus or self.endpoints)) * max(1, engines)
        return max(self.shards_at_once, ceil(at_once / self.shard_requests))


class TrainerConfig(Config):
    """How training is run."""

    dtype: Literal["float32", "bfloat16", "auto"] = "auto"
    """What the frozen base computes in, as `engine.dtype`; LoRA and the merged model are float32."""
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2"] = "auto"
    """As Transformers names it; `auto`: on a GPU FlashAttention 2 where installed, and then SFT without padding."""
    checkpointing: Literal["auto", "always", "never"] = "auto"
    """Activations computed again in place of kept: by `auto` on a GPU that they would not fit into."""
    device_rows: Positive = 8
    """Rows at a time on each device; a step's rows are spread over devices and accumulated."""
    processes: Positive | Literal["auto"] = "auto"
    """Processes that train together, each on its share of a step's rows; `auto`: one for each GPU, one on a CPU."""
    save_steps: Positive = 50
    """Steps between checkpoints."""
    deadline_s: Positive = 48 * 3600
    """Seconds after which a training is ended."""
