"""Run a module as `python -m` does, while a thread of its own collects Python's garbage.

    python flows/operations/collected.py prefect server start ...

For Prefect's server on SQLite. A statement that fails ("database is locked") leaves its cursor in a reference cycle.
Who frees that waits for the cursor's connection, which may be waiting up to 60 s for the transaction of another, which
ends when the event loop goes on. Python collects on whatever thread allocates memory: on the loop's, the whole server
stood still for that minute, then lost events and refused requests (50 runs asked for at once).
"""

import gc
import itertools
import runpy
import sys
import threading
import time

EVERY_S = 1.0
OLD_EVERY = 60  # times, what has outlived two collections is looked at, too, which takes longest


def collect() -> None:
    for times in itertools.count(1):
        time.sleep(EVERY_S)
        gc.collect(2 if times % OLD_EVERY == 0 else 1)


if __name__ == "__main__":
    gc.disable()
    threading.Thread(target=collect, daemon=True).start()
    sys.argv[:] = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
