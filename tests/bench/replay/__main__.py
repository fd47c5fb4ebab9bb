"""Requests a second and memory of a stage of reviews whose engine answers at once.

    make bench-replay [ARGS="--reviews 135000 --signals sampled likelihood"]

All that a run does for its answers is done: calls made of stored rows, tokens read, requests sent, answers noted in
journals, shards written as artifacts, the stage's own rows made of them, and Prefect's task runs. Only the engine is a
stand-in, on a core of its own. The last line is JSON: for each signal requests a second and the run's peak memory.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from flows.operations.server import prefect_api
from tasks.engines.models import starting_model
from tasks.engines.processes.ports import free_port
from tasks.engines.processes.progress import Progress
from tasks.recipe.recipe import load
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.home import ROOT, Home
from tasks.store.rows import Seed
from tests.bench.rows import texts
from tests.bench.rows.measuring import apart

SHARD_REQUESTS = 2000  # the default of a recipe
REQUESTS_A_ROW = 3  # three sampled reviews, or three likelihoods
ANSWERING, ASKING = 1, 0  # cores


def rows(data: Path, wanted: int) -> Iterator[Seed]:
    """Instructions and responses of sentences of public data, no two alike."""
    dice = random.Random(1)
    for number in range(wanted):
        instruction, response = (texts.put_together(data, dice) for _ in range(2))
        yield Seed(instruction=f"{instruction} ({number})", response=response, source="replay")


def artifact(store: Store, data: Path, wanted: int) -> Ref:
    spec = Spec(stage="replayed", version=1, config={"rows": wanted})
    if store.find(spec) is None:
        with store.draft(spec) as draft:
            draft.table("rows", rows(data, wanted))
    found = store.find(spec)
    assert found
    return found


def replay(home: Home, signal: str, items: Ref, url: str) -> float:
    """Seconds from the stage's first look at the store until its artifact is there."""
    from prefect import flow
    from prefect.task_runners import ThreadPoolTaskRunner

    from flows.resources import run_resources
    from tasks.execution.stage import Stages
    from tasks.review import steps

    settings = [f"signals.use=[{signal}]", f"signals.sampled.samples={REQUESTS_A_ROW}", "engine.dtype=float32"]
    recipe = load("demo", [*settings, f"engine.endpoints=[{url}]", f"engine.shard_requests={SHARD_REQUESTS}"])
    model = starting_model(recipe.model, Store(home.store), home.work, lambda _: None)

    threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=recipe.engine.shards_at_once)

    @flow(name="replay", task_runner=threads)  # type: ignore[arg-type]
    def reviewed() -> float:
        with run_resources(recipe, home) as runner:
            stages, started = Stages(runner, 1), time.monotonic()
            steps.signals(stages, signal, model, {"rows": items}, lambda: runner.store.rows(items, Seed))
            return time.monotonic() - started

    return reviewed()


def replayed(home: Home, signal: str, items: Ref, url: str) -> tuple[float, float]:
    """Seconds, and GiB at the peak, in a process of its own: Prefect keeps what it was imported under."""
    file = home.root / f"{signal}.seconds"

    def work() -> None:
        os.sched_setaffinity(0, {ASKING})
        with prefect_api(home, Progress()):
            file.write_text(f"{replay(home, signal, items, url)}")

    peak_gib = apart(work).peak_gib
    return float(file.read_text()), peak_gib


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--home", type=Path, help="a new one unless given")
    parser.add_argument("--reviews", type=int, default=135_000)
    parser.add_argument("--signals", nargs="*", default=["sampled", "likelihood"])
    given = parser.parse_args()
    home = Home(given.home or Path(tempfile.mkdtemp(prefix="lance-bench-")))
    os.environ["LANCE_HOME"] = str(home.root)
    store, port = Store(home.store), free_port()
    model = starting_model(load("demo").model, store, home.work, lambda what: print(what, file=sys.stderr))
    items = artifact(store, given.data, given.reviews // REQUESTS_A_ROW)
    command = [sys.executable, "-m", "tests.bench.replay.server", str(store.path(model)), str(port)]
    server = subprocess.Popen(command, cwd=ROOT, preexec_fn=lambda: os.sched_setaffinity(0, {ANSWERING}))
    found = {}
    try:
        url = f"http://127.0.0.1:{port}"
        while not _up(url):
            assert server.poll() is None, "the server ended"
            time.sleep(0.2)
        for signal in given.signals:
            seconds, gib = replayed(home, signal, items, url)
            found[signal] = {"requests_a_second": round(given.reviews / seconds), "peak_gib": round(gib, 2)}
            print(f"{signal}: {given.reviews} requests in {seconds:.1f} s, {gib:.2f} GiB", flush=True)
    finally:
        server.terminate()
        server.wait()
    print(json.dumps({"reviews": given.reviews, **found}))


def _up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
