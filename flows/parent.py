"""The run that a child run works for: where that is over, the child's is too."""

import contextlib
import threading
from collections.abc import Iterator
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Cancelling

LOOK_EVERY_S = 10.0


@contextlib.contextmanager
def while_it_runs(parent: str) -> Iterator[None]:
    """Ask to be cancelled, with all that this run has started, once the parent has ended or waits for a person."""
    over, log, own = threading.Event(), get_run_logger(), UUID(str(flow_run.get_id()))

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            try:
                with get_client(sync_client=True) as client:
                    state = _state(client.read_flow_run(UUID(parent)).state)
                    if state is None:
                        continue
                    log.warning("the run it works for, %s, is %s: this one ends", parent, state)
                    client.set_flow_run_state(own, Cancelling(message=f"run {parent} is {state}"))
                    return
            except ObjectNotFound:
                log.warning("the run it works for, %s, is not known to this server", parent)
                return
            except httpx.HTTPError:  # a server that is away comes back
                continue

    thread = threading.Thread(target=look, name="parent", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _state(state: State | None) -> str | None:
    """Its name where nothing more is asked from it."""
    return state.name if state and (state.is_final() or state.is_paused()) else None
