"""Runs of a deployment that work for this run; a retry of this run finds those it has, and starts no second one."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

ChildRun = FlowRun
AT_ONCE = 50  # keys


class NoChild(RuntimeError):
    """There is no way to a child run: no such deployment, or it has ended without the work done."""

    retryable = False


@dataclass(frozen=True)
class ChildRuns:
    run: str  # id of the run they work for
    deployment: str

    def living(self, what: str, parameters: dict[str, Any], name: str) -> ChildRun:
        """The child that does `what`: the one that has not ended, or a new one. Raises NoChild.

        Each start has an idempotency key of its own, so that two that ask at once get the same.
        """
        for first in itertools.count(0, AT_ONCE):
            keys = [f"{self.run}/{what}/{n}" for n in range(first, first + AT_ONCE)]
            chosen = FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=keys))
            with get_client(sync_client=True) as client:
                there = {run.idempotency_key: run for run in client.read_flow_runs(flow_run_filter=chosen)}
            for key in keys:
                if key not in there:
                    return self._start(key, parameters, name)
                if not _ended(there[key]):
                    return there[key]
        raise AssertionError("there is always another key")

    def now(self, child: ChildRun) -> ChildRun:
        """As it is by now; one that somebody deleted has ended."""
        with get_client(sync_client=True) as client:
            try:
                return client.read_flow_run(child.id)
            except ObjectNotFound:
                return child.model_copy(update={"state": Crashed(message="it was deleted")})

    def warn_if_none_is_taken(self, children: Iterable[ChildRun]) -> None:
        """A pool without workers, or one whose only slot this run has, keeps it waiting."""
        if all(child.state and child.state.is_scheduled() for child in children):
            get_run_logger().warning(
                f"no worker takes runs of {self.deployment}: is a worker started for its pool (`lance up`), with a "
                "slot beside this run's?"
            )

    def _start(self, key: str, parameters: dict[str, Any], name: str) -> ChildRun:
        try:
            started: ChildRun = run_deployment(  # type: ignore[assignment]  # a coroutine only where one is awaited
                self.deployment, parameters=parameters, flow_run_name=name, idempotency_key=key, timeout=0
            )
        except ObjectNotFound:
            raise NoChild(
                f"no deployment {self.deployment!r} on this server: `lance up` deploys it "
                "(execution.answer, execution.train)"
            ) from None
        return started


def _ended(run: ChildRun) -> bool:
    return run.state is not None and run.state.is_final()


def ending(run: ChildRun) -> str | None:
    """How a run ended whose work is not there; None for one under way."""
    if run.state is None or not run.state.is_final():
        return None
    why = run.state.message or "no message"
    if run.state.is_completed():
        why = "but its artifact is not in this home; do all machines share one LANCE_HOME or LANCE_STORE?"
    return f"run {run.name} ({run.id}) is {run.state.name}: {why}"
