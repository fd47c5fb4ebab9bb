"""How machines that train together find each other: the first one leaves its address where all of them see it."""

import time

from tasks.engines.processes.together import Together, free_address
from tasks.execution.orders import TrainingOrder
from tasks.store.home import Home

POLL_S = 1.0
WAITS_S = 1800.0  # for the first one, which may wait for a free slot


def meet(order: TrainingOrder, home: Home, number: int) -> Together | None:
    """None where one machine does it alone. Raises ConnectionError where the first one does not come."""
    if order.machines == 1:
        return None
    place, until = home.document(order.meeting, copied=False), time.monotonic() + WAITS_S
    if number == 0:
        place.write(free_address())
    while not (address := place.read()):
        if time.monotonic() > until:
            raise ConnectionError(f"the first of {order.machines} machines did not come within {WAITS_S / 60:.0f} min")
        time.sleep(POLL_S)
    return Together(order.machines, number, address)
