"""Cancellation: a run of a deployment ends when it is cancelled or over, or when the run that it works for is.

A worker ends a cancelled run only if the worker is alive and notified; without it, a run would continue in the state
Cancelling. So each run also checks its own state. It ends once that state is final (set by a person, or by the
automation for silent runs), as it would otherwise keep the device.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectException
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled, Cancelling

from flows import reconnect  # noqa: F401  # every client from here on, Prefect's own too

LOOK_EVERY_S = 5.0
GRACE_S = 15.0  # the worker's turn first


@contextlib.contextmanager
def ends_when_cancelled(parent: str = "") -> Iterator[None]:
    """While the block runs. The process is killed where its run is over: its children end with it (supervisor.py)."""
    if not deployment.id:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_look, args=(over, UUID(str(flow_run.get_id())), parent), daemon=True)
    log = get_run_logger()
    if parent:
        log.info("this is a child run of %s", parent)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _look(over: threading.Event, own: UUID, parent: str) -> None:
    cancelled_at = None
    while not over.wait(LOOK_EVERY_S):
        # A server that is away comes back.
        with contextlib.suppress(httpx.HTTPError, PrefectException), get_client(sync_client=True) as client:
            state = client.read_flow_run(own).state
            if state and state.is_final():
                os.kill(os.getpid(), signal.SIGKILL)
            if not (state and state.is_cancelling()):
                _end_with(client, own, parent)
                continue
            cancelled_at = cancelled_at or time.monotonic()
            if time.monotonic() - cancelled_at > GRACE_S:
                client.set_flow_run_state(
                    own, Cancelled(message="its worker did not end it; it ended itself"), force=True
                )
                os.kill(os.getpid(), signal.SIGKILL)


def _end_with(client: SyncPrefectClient, own: UUID, parent: str) -> None:
    """Have this run cancelled where the other has ended, or waits for a person."""
    state = client.read_flow_run(UUID(parent)).state if parent else None
    if state and (state.is_final() or state.is_paused()):
        client.set_flow_run_state(own, Cancelling(message=f"its parent run {parent} is {state.name}"))
