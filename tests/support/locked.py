"""An event loop whose garbage holds a cursor of a connection that waits for a transaction which the loop has to end.

    python -m tests.support.locked FILE

Prints after how many seconds that ended; fails where it took longer than the connection waits.
"""

import asyncio
import sqlite3
import sys
import time
from pathlib import Path

TIMEOUT_S, WORK_S = 6.0, 2.5


async def main(file: Path) -> None:
    writes = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    writes.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (x); BEGIN IMMEDIATE")
    waits = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=TIMEOUT_S)
    cycle: list[object] = [waits.execute("VALUES (1), (2)")]
    cycle.append(cycle)
    started = time.monotonic()
    waiting = asyncio.create_task(asyncio.to_thread(waits.execute, "INSERT INTO t VALUES (1)"))
    await asyncio.sleep(0.5)
    del cycle
    kept = list[object]()
    while time.monotonic() - started < WORK_S:  # the loop's own work, in which Python collects garbage
        kept.append([[] for _ in range(1000)])
        await asyncio.sleep(0.01)
    writes.execute("COMMIT")
    await waiting
    print(round(time.monotonic() - started, 1))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
