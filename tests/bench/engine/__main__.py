"""`make bench-engine`: a run's engine against the bare server, and a swap of its weights against a start.

    .venv/bin/python -m tests.bench.engine [--tokens N]

The same requests each time, in one run: the default model writes answers to the shipped seeds (temperature 0.7, a seed
each, at most 96 tokens) and reads the likelihoods of theirs. `ours`: as stages of a flow, with shards, journal, records
and Prefect, in the recipes' own settings. `bare`: vLLM's server with the fastest settings found and aiohttp. `before`:
ours as it was (float32, 64 in flight, top_p), on a third of the requests. Tokens a second; the last line is JSON.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from flows.operations.server import prefect_api
from tasks.engines.calls import Answer, Call, chat
from tasks.engines.models import DEFAULT, starting_model
from tasks.engines.processes import platform
from tasks.engines.processes.progress import Progress
from tasks.engines.tokenizing.tokens import Tokens
from tasks.recipe.recipe import Recipe
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Draft, Ref, Spec, Store
from tasks.store.home import ROOT, Home
from tests.bench.engine import bare_vllm
from tests.support import materials

NEW_TOKENS = 96  # of an answer at most; 75 are counted on
Figures = dict[str, float]


def requests(tokens: int, sampling: dict[str, float]) -> tuple[list[Call], list[Call]]:
    """To write and to read; enough for that many tokens each."""
    lines = (ROOT / "deployments" / "seeds" / "everyday.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    asked = [(n, rows[n % len(rows)]) for n in range(tokens // 75)]
    write = [
        Call(
            kind="write",
            row=f"write {n}",
            messages=chat(row["prompt"]),
            max_new_tokens=NEW_TOKENS,
            temperature=0.7,
            seed=n,
            **sampling,  # type: ignore[arg-type]
        )
        for n, row in asked
    ]
    # Each prompt is another one, as in a run: nothing comes from the prefix cache.
    read = [
        Call(kind="likelihood", row=f"read {n}", messages=chat(f"{n}. {row['prompt']}"), response=row["response"])
        for n, row in asked
    ]
    return write, read


def rate(calls: Sequence[Call], ask: Callable[[Sequence[Call]], int], what: str) -> float:
    started = time.monotonic()
    tokens = ask(calls)
    seconds = time.monotonic() - started
    print(f"{what}: {tokens} tokens in {seconds:.0f} s, {tokens / seconds:.0f} a second", file=sys.stderr, flush=True)
    return tokens / seconds


def ours(name: str, engine: EngineConfig, home: Home, models: Sequence[Ref], calls: Sequence[list[Call]]) -> Figures:
    from prefect import flow
    from prefect.task_runners import ThreadPoolTaskRunner

    from flows.resources import run_resources

    recipe = Recipe(name=f"bench-{name}", engine=engine)
    threads: Any = ThreadPoolTaskRunner(max_workers=engine.shards_at_once)

    @flow(name=name, task_runner=threads)
    def run() -> Figures:
        found: Figures = {}
        with run_resources(recipe, home) as runner:

            def ask(asked: Sequence[Call]) -> int:
                counted = 0

                def save(draft: Draft, _: list[Call], answers: list[Answer]) -> None:
                    nonlocal counted
                    write = asked[0].kind == "write"
                    counted = sum(one.new_tokens if write else one.prompt_tokens for one in answers)
                    draft.record["counts"] = {"out": len(answers)}

                spec = Spec(stage=f"{name}-{asked[0].kind}", version=1, config={"calls": len(asked)})
                runner.infer(spec, spec.stage, models[0], lambda had: [c for c in asked if c.key not in had], save)
                return counted

            engines = runner.devices.engines  # type: ignore[union-attr]
            started = time.monotonic()
            engines.client(models[0])
            found["start_s"] = time.monotonic() - started
            ask(calls[0][:2])
            found["tok_s"] = rate(calls[0], ask, f"{name}, new")
            found["read_tok_s"] = rate(calls[1], ask, f"{name}, read")
            swaps = []
            for model in (*models[::-1], *models[::-1]):
                started = time.monotonic()
                engines.client(model)
                swaps.append(time.monotonic() - started)
            print(f"swaps {swaps}, start {found['start_s']}", file=sys.stderr, flush=True)
            found["swap_s"] = median(swaps)
        return found

    return run()


def bare(home: Home, model: Path, calls: Sequence[list[Call]]) -> Figures:
    tokens = Tokens.of(model)
    with bare_vllm.serving(model, platform.detect().dtype("auto"), home.logs / "bare.log") as url:
        bare_vllm.ask(url, calls[0][:2], tokens)
        return {
            name: rate(asked, lambda part: bare_vllm.ask(url, part, tokens), f"bare, {name}")
            for name, asked in zip(("tok_s", "read_tok_s"), calls, strict=True)
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=60_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        os.environ["LANCE_HOME"] = str(home.root)
        home.logs.mkdir(parents=True)
        store = Store(home.store)
        first = starting_model(DEFAULT, store, home.work, lambda _: None)
        second = starting_model(str(materials.noisy_model(store.path(first), Path(folder))), store, home.work, print)
        today, then = requests(asked.tokens, {"min_p": 0.05}), requests(asked.tokens // 3, {"top_p": 0.9})
        before = EngineConfig(dtype="float32", in_flight=64)
        with prefect_api(home, Progress()):
            found = {"ours": ours("ours", EngineConfig(), home, (first, second), today)}
            found["bare"] = bare(home, store.path(first), today)
            found["before"] = ours("before", before, home, (first, second), then)
    figures = {f"{name}_{what}": value for name, one in found.items() for what, value in one.items()}
    figures |= {"start_s": figures.pop("ours_start_s"), "swap_s": figures.pop("ours_swap_s")}
    flags = sorted(platform.BFLOAT16 & platform.processor_flags())
    print(json.dumps({name: round(value, 3) for name, value in figures.items()} | {"flags": flags}))


if __name__ == "__main__":
    main()
