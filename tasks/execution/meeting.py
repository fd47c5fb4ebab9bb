"""How machines that train together find each other: the first one leaves its address where all of them see it."""

import time
from collections.abc import Callable

from tasks.engines.processes.together import Together, free_address
from tasks.execution.orders import TrainingOrder
from tasks.store.artifacts import Store
from tasks.store.home import Home

POLL_S = 1.0


class Moved(ConnectionError):
    """The first machine began anew, and waits elsewhere."""


def train_together(
    order: TrainingOrder, key: str, home: Home, store: Store, number: int, train: Callable[[Together | None], None]
) -> None:
    """Have this machine `train` with the others, again where the first one began anew; alone where it is the only one.

    `key` is the order's in the home. Raises ConnectionError once the run has given this attempt up.
    """
    while True:
        met = _meet(order, key, home, store, number)
        if number and met is None:
            return
        try:
            train(met)
        except Moved:
            continue
        return


def _meet(order: TrainingOrder, key: str, home: Home, store: Store, number: int) -> Together | None:
    """None where one machine does it alone, or where it is made by now."""
    if order.machines == 1:
        return None
    place = home.document(order.meeting, copied=False)
    if number == 0:
        _check_stands(order, key, home)
        place.write(free_address())
    while not (address := place.read()):
        if store.find(order.job.spec):
            return None
        _check_stands(order, key, home)
        time.sleep(POLL_S)

    def check() -> None:
        if store.find(order.job.spec):
            return
        _check_stands(order, key, home)
        if number and place.read() not in (address, None):
            raise Moved(f"{address} is no longer where machines meet for {order.label}")

    return Together(order.machines, number, address, check)


def _check_stands(order: TrainingOrder, key: str, home: Home) -> None:
    text = home.document(key, copied=False).read()
    if text is None or TrainingOrder.model_validate_json(text).attempt != order.attempt:
        raise ConnectionError("the run has given up this attempt at the training")
