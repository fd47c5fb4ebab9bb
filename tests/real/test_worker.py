"""Our worker takes the place of Prefect's, and lives on where a run comes back before its last process has ended."""

import asyncio
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import anyio
import pytest
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.utilities.dispatch import lookup_type
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessWorker

from flows.operations.worker import Worker


def offered(worker: ProcessWorker) -> list[object]:
    """What it takes of a run that holds its only place already."""
    run = SimpleNamespace(id=uuid4())

    async def offer() -> list[object]:
        worker._limiter = anyio.CapacityLimiter(1)
        worker._limiter.acquire_on_behalf_of_nowait(run.id)
        given = cast(WorkerFlowRunResponse, SimpleNamespace(flow_run=run))
        return [*await worker._submit_scheduled_flow_runs([given])]

    return asyncio.run(offer())


def test_a_run_that_still_holds_its_place_waits_for_it() -> None:
    assert offered(Worker("a-pool", limit=1)) == []


def test_prefects_own_ends_there() -> None:
    with pytest.raises(RuntimeError, match="already holding one of this CapacityLimiter's tokens"):
        offered(ProcessWorker("a-pool", limit=1))


def test_it_is_the_one_that_prefects_command_starts() -> None:
    assert lookup_type(BaseWorker, "process") is Worker
