"""`make bench-gpu`: on a new kind of GPU, what the engine and the trainer give with each of their switches.

    .venv/bin/python -m tests.bench.gpu [--model FOLDER --in-flight 64 512 1024 --requests 2048 --minutes 8]

New tokens a second by requests in flight, a start of the engine against a swap of its weights; tokens a second of SFT
and DPO and their peak of memory by attention and checkpointing. What the minutes do not suffice for is left out and
named. On a CPU small sizes show that it runs. The last line is JSON.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tasks.engines.calls import Call
from tasks.engines.client import EngineClient
from tasks.engines.journal import Journal
from tasks.engines.lifecycle import Engines
from tasks.engines.models import DEFAULT, starting_model
from tasks.engines.processes import platform
from tasks.engines.processes.child import ChildFailed
from tasks.engines.processes.progress import Progress
from tasks.engines.tokenizing.tokens import Tokens
from tasks.engines.vllm import SERVED_NAME
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Ref, Store
from tasks.store.home import Home
from tests.bench.engine.__main__ import requests
from tests.bench.trainer.__main__ import Bench, rows_of_seeds
from tests.support import materials

SWITCHES: dict[str, dict[str, str]] = {
    "auto": {},
    "sdpa": {"attention": "sdpa"},
    "flash_attention_2": {"attention": "flash_attention_2"},
    "checkpointing": {"checkpointing": "always"},
    "no checkpointing": {"checkpointing": "never"},
}
Figures = dict[str, float]


class Clock:
    """What is begun in time is done; what was not is named."""

    def __init__(self, minutes: float):
        self._until, self.left_out = time.monotonic() + 60 * minutes, list[str]()

    def measured(self, what: str, measure: Callable[[], Figures]) -> Figures:
        if time.monotonic() > self._until:
            self.left_out.append(what)
            return {}
        try:
            found = measure()
        except (ValueError, ChildFailed) as error:  # what is not installed here, or does not fit
            print(f"{what}: {error}", file=sys.stderr, flush=True)
            return {}
        print(f"{what}: {found}", file=sys.stderr, flush=True)
        return {f"{what}: {name}": value for name, value in found.items()}


def engine(
    models: Sequence[Ref], store: Store, home: Home, in_flight: Sequence[int], calls: list[Call]
) -> Iterator[tuple[str, Callable[[], Figures]]]:
    """One engine for all of it, which is ended behind the last part."""
    here, config = platform.detect(), EngineConfig(in_flight=max(in_flight), kv_cache_gib=2)
    seen = set[str]()  # what was asked is in the prefix cache
    engines = Engines(store, config, here, home.logs, Progress(quiet=True))

    def load(model: Ref) -> Figures:
        started = time.monotonic()
        engines.client(model)
        return {"s": time.monotonic() - started}

    def write(most: int) -> Figures:
        served = engines._engine
        assert served
        tokens = Tokens.of(store.path(models[0]))
        client = EngineClient([served.server], models[0].digest, SERVED_NAME, most, tokens)  # type: ignore[union-attr]
        try:
            asked = [call for call in calls if call.key not in seen][: 4 * most]
            seen.update(call.key for call in asked)
            started = time.monotonic()
            answers = client.ask(asked, Journal(home.work / f"journal-{most}.jsonl"), lambda _: None)
            new = sum(answer.new_tokens for answer in answers)
            return {"new_tok_s": new / (time.monotonic() - started), "requests": len(asked)}
        finally:
            client.close()

    try:
        yield "start", lambda: load(models[0])
        for most in in_flight:
            yield f"{most} in flight", lambda most=most: write(most)  # type: ignore[misc]
        yield "swap", lambda: load(models[1])
    finally:
        engines.close()


def trainer(bench: Bench, method: str, rows: Path, how: dict[str, str]) -> Figures:
    trained, tokens = bench.ours(method, rows, **how)
    return {"tok_s": tokens / trained.seconds, "peak_gib": trained.peak_gib}


def installed(package: str) -> str:
    """Its version in the model environment's own folder; empty where it is not there."""
    for folder in platform.model_python().parents[1].glob("lib/python*/site-packages"):
        found = [path.name for path in folder.glob(f"{package.replace('-', '_')}-*.dist-info")]
        if found:
            return found[0].removesuffix(".dist-info").rpartition("-")[2]
    return ""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--in-flight", nargs="*", type=int, default=[64, 512, 1024])
    parser.add_argument("--requests", type=int, default=4096, help="at most four for each place in flight")
    parser.add_argument("--rows", type=int, default=0, help="seeds to train on; 0: all")
    parser.add_argument("--minutes", type=float, default=8)
    given = parser.parse_args()
    clock, found = Clock(given.minutes), Figures()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        os.environ["LANCE_HOME"] = str(home.root)
        home.logs.mkdir(parents=True)
        store = Store(home.store)
        first = starting_model(given.model, store, home.work, lambda _: None)
        noisy = materials.noisy_model(store.path(first), Path(folder))
        second = starting_model(str(noisy), store, home.work, lambda _: None)
        write, _ = requests(given.requests * 75, {})
        for what, measure in engine((first, second), store, home, given.in_flight, write):
            found |= clock.measured(what, measure)
        bench, rows = Bench(home.root, passes=1, base=store.path(first)), rows_of_seeds(given.rows)
        for method, of_method in rows.items():
            file = bench.rows(method, of_method)
            for name, how in SWITCHES.items():
                found |= clock.measured(f"{method}, {name}", lambda: trainer(bench, method, file, how))  # noqa: B023
    there = {name: installed(name) for name in ("torch", "vllm", "trl", "flash-attn", "liger-kernel")}
    gpus = platform.detect().gpus
    figures = {name: round(value, 3) for name, value in found.items()}
    print(json.dumps({"gpus": gpus, "installed": there, "left_out": clock.left_out, **figures}))


if __name__ == "__main__":
    main()
