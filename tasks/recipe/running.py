"""How a recipe is run. None of it shapes an artifact, but for `engine.dtype`: another dtype gives other answers."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.recipe.values import Config, NotNegative, Positive


class BudgetConfig(Config):
    """What a run may spend before it stops; nothing of it shapes an artifact."""

    tokens: Positive | None = None  # written by the engines
    hours: Annotated[float, Field(gt=0)] | None = None


class ExecutionConfig(Config):
    """Where models are asked and trained: by the run itself, or by child runs of deployments.

    deployments: for a pool of several machines. The run itself, on a machine that needs no GPU, puts its questions down
    in the shared LANCE_HOME; `workers` child runs, each on a slot of its pool, answer them in shards, and one trains.
    """

    fan_out: Literal["threads", "deployments"] = "threads"
    workers: Positive = 1  # child runs that answer
    answer: str = "answer/answer"  # FLOW/DEPLOYMENT of those
    train: str = "train/train"
    idle_s: NotNegative = 60  # for so long a child run keeps its engine without a question


class EngineConfig(Config):
    """How inference is run. `dtype` must have kernels on the device: bfloat16 is 7x slower than float32 on AVX2."""

    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "auto"
    context_tokens: Positive = 2048
    in_flight: Positive = 64  # requests the engine is given at once
    shard_requests: Positive = 2000  # requests of one Prefect task run, with an artifact of its own
    shards_at_once: Positive = 2  # the next shard fills the engine while the last answers of one come in
    kv_cache_gib: Positive = 1  # on a CPU only
    start_deadline_s: Positive = 600


class TrainerConfig(Config):
    """How training is run. A step's rows are spread over devices, `device_rows` at a time."""

    device_rows: Positive = 8
    save_steps: Positive = 50
    deadline_s: Positive = 48 * 3600
