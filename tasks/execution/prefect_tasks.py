"""The Prefect tasks that stages run as, cached by fingerprint and retried where that helps.

`compute` (pure data: no retry), `infer` (requests to an engine: retried with growing, jittered delays), `train` (a
child process: one retry, from its last checkpoint).
"""

from collections.abc import Callable
from typing import Any

from prefect import Task, get_run_logger, task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from tasks.engines.processes.child import ChildFailed
from tasks.store.artifacts import Ref, Spec, Store

Say = Callable[[str], None]
Make = Callable[[Say], None]
RETRYABLE = (ChildFailed, ConnectionError)


def worth_retrying(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """A dead engine or a killed trainer is; bad input, an engine that never came up or a passed deadline is not."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, RETRYABLE) and getattr(error, "retryable", True)


def shown_as(kind: Task[Any, Ref], name: str, label: str, found: Ref | None) -> Task[Any, Ref]:
    """The task as the UI shows it. A cache hit skips the task's body: so what is missing or altered refreshes it."""
    return kind.with_options(name=name, task_run_name=label, refresh_cache=found is None)


def run(kind: Task[Any, Ref], spec: Spec, label: str, store: Store, make: Make) -> Ref:
    """Make the artifact unless it is in the store; raises what `make` raises, once the retries are over."""
    found = store.find(spec)
    made = shown_as(kind, spec.stage, label, found)(spec, store, make)
    return found or made


def _made(spec: Spec, store: Store, make: Make) -> Ref:
    found = store.find(spec)
    if found is None:  # else a run that died meanwhile had finished it
        make(get_run_logger().info)
        found = store.find(spec)
        assert found, f"{spec.stage} made no artifact"
    return found


# Prefect's own policies are not used: TASK_SOURCE misses a change in what the task calls, INPUTS walks all arguments.
SETTINGS: dict[str, Any] = {
    "cache_policy": CacheKeyFnPolicy(
        cache_key_fn=lambda _, given: f"{given['spec'].stage}-{given['spec'].fingerprint}"
    ),
    "persist_result": True,
    "result_serializer": "json",  # a pickle would let whoever writes the result storage run code
}


@task(name="compute", **SETTINGS)
def compute(spec: Spec, store: Store, make: Make) -> Ref:
    return _made(spec, store, make)


@task(
    name="infer",
    retries=3,
    retry_delay_seconds=exponential_backoff(4),
    retry_jitter_factor=0.5,
    retry_condition_fn=worth_retrying,
    **SETTINGS,
)
def infer(spec: Spec, store: Store, make: Make) -> Ref:
    return _made(spec, store, make)


@task(name="train", retries=1, retry_delay_seconds=10, retry_condition_fn=worth_retrying, **SETTINGS)
def train(spec: Spec, store: Store, make: Make) -> Ref:
    return _made(spec, store, make)
