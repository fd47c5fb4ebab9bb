"""What orchestration costs: the same requests and the same training rows, bare against `lance evolve`, in one run.

    make bench-overhead

First `lance evolve` in a fresh store (the default model is converted beforehand, untimed). Then the bare way: the same
engine, started once, given each stage's requests all at once through the openai package; the same trainer, called with
the same rows; the same engine again for the candidate. No Prefect, no store, no supervisor, no shards, no journal.
The last line is JSON: ratio, bare_s, orchestrated_s, and the path of the raw timings, stage by stage.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import openai

from tasks import config, evaluate, review, write
from tasks.artifacts import Ref, Spec, Store
from tasks.backends import launch, platform, vllm
from tasks.backends.models import starting_model
from tasks.calls import Call
from tasks.home import Home
from tasks.jobs import Job
from tasks.ledger import Iteration, read
from tasks.records import Seed, Written
from tests.evolution import ROOT

# The demo, made long enough (at least 600 s bare) for a few per cent to be seen.
SETTINGS = ["write.answers_per_instruction=5", "write.flawed_per_high_seed=3", "sft.epochs=2", "dpo.epochs=5"]


def orchestrated(home: Home) -> float:
    settings = [argument for setting in SETTINGS for argument in ("--set", setting)]
    command = [sys.executable, "-c", "from flows.cli import main; main()", "evolve", "demo", *settings]
    started = time.monotonic()
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"LANCE_HOME": str(home.root)})
    return time.monotonic() - started


class Bare:
    """The same work on the artifacts of the orchestrated run, timed part by part."""

    def __init__(self, home: Home, iteration: Iteration, recipe: config.Recipe):
        self.home, self.iteration, self.recipe = home, iteration, recipe
        self.store, self.platform = Store(home.store), platform.detect()
        self.seconds: dict[str, float] = {}

    def run(self) -> float:
        started = time.monotonic()
        before, stages = self.iteration.champion_before, self.iteration.stages
        reviewed = self.store.rows(stages["pool"], Seed)
        low, high = (self.store.rows(stages["split"], Seed, table) for table in ("low", "high"))
        instructions = self.store.rows(stages["clean [instructions]"], Written)
        texts = [row for what in ("answers", "flawed") for row in self.store.rows(stages[f"clean [{what}]"], Written)]
        self.serve(
            before,
            {
                "evaluate [champion]": self.evaluation(),
                "review [seeds]": review.calls(reviewed),
                "write [instructions]": self.writer("instructions").calls(low),
                "write [answers]": self.writer("answers").calls(instructions),
                "write [flawed]": self.writer("flawed").calls(high),
                "review [written]": review.calls(texts),
            },
        )
        self.train("sft", before)
        self.train("dpo", stages["sft"])
        self.serve(stages["dpo"], {"evaluate [candidate]": self.evaluation()})
        return time.monotonic() - started

    def writer(self, what: str) -> write.Writer:
        author = self.iteration.champion_before.digest
        return write.WRITERS[what](self.recipe.write, author, self.iteration.number, self.recipe.sampling_seed)

    def evaluation(self) -> list[Call]:
        held_out = self.store.rows(self.iteration.seeds, Seed, "held_out")
        return evaluate.calls(evaluate.items(held_out, self.recipe.evaluate), self.recipe.evaluate)

    def serve(self, model: Ref, stages: dict[str, list[Call]]) -> None:
        started = time.monotonic()
        port, engine = 18765, self.recipe.engine
        command = vllm.command(platform.model_python(), self.store.path(model), port, engine, self.platform)
        env = os.environ | vllm.environment("key", engine, self.platform)
        with (self.home.logs / "bare-engine.log").open("ab") as log:
            server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            while not _up(f"http://127.0.0.1:{port}/health"):
                assert server.poll() is None, "the bare engine ended"
                time.sleep(0.2)
            self.note(f"start {model.stage}", started)
            for label, calls in stages.items():
                started = time.monotonic()
                asyncio.run(_ask(f"http://127.0.0.1:{port}", calls, engine.in_flight))
                self.note(label, started)
        finally:
            started = time.monotonic()
            server.terminate()
            server.wait()
            self.note(f"stop {model.stage}", started)

    def train(self, method: str, model: Ref) -> None:
        started = time.monotonic()
        recorded = self.store.record(self.iteration.stages[method])
        table = {"sft": "sft.parquet", "dpo": "pairs.parquet"}[method]
        with tempfile.TemporaryDirectory() as folder:
            given = {
                "method": method,
                "model": str(self.store.path(model)),
                "rows": str(self.store.path(self.iteration.stages["annotate"]) / table),
                "config": recorded["config"],
                "device_rows": self.recipe.trainer.device_rows,
                "save_steps": self.recipe.trainer.save_steps,
                "cpu": self.platform.name == "cpu",
                "seed": self.recipe.sampling_seed,
            }
            job = Job(store=Path(folder), spec=Spec(stage=method, version=0), work=Path(folder), given=given)
            job.file.write_text(job.model_dump_json())
            command = [str(platform.model_python()), *launch.launcher(self.platform), "-m", "tasks.backends.trl"]
            env = os.environ | {"OMP_NUM_THREADS": str(self.platform.cores)}
            subprocess.run([*command, str(job.file)], check=True, cwd=ROOT, env=env, capture_output=True)
        self.note(method, started)

    def note(self, label: str, started: float) -> None:
        self.seconds[label] = round(time.monotonic() - started, 3)
        print(f"bare: {label} {self.seconds[label]} s", file=sys.stderr, flush=True)


async def _ask(url: str, calls: list[Call], in_flight: int) -> None:
    gate = asyncio.Semaphore(in_flight)
    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key", max_retries=0, timeout=1800)

    async def tokens(messages: list[dict[str, str]], **how: bool) -> list[int]:
        body = {"model": vllm.SERVED_NAME, "messages": messages, **how}
        return list((await http.post("/tokenize", json=body)).json()["tokens"])

    async def one(call: Call) -> None:
        messages: Any = list(call.messages)
        unclosed = {"continue_final_message": True, "add_generation_prompt": False}
        shared: dict[str, Any] = {"model": vllm.SERVED_NAME, "max_tokens": call.max_new_tokens}
        async with gate:
            if call.kind == "write":
                sampling: dict[str, Any] = {"temperature": call.temperature, "top_p": call.top_p, "seed": call.seed}
                await client.chat.completions.create(messages=messages, **shared, **sampling)
            elif call.kind == "score":
                body = {"logprob_token_ids": labels, **unclosed}
                messages.append({"role": "assistant", "content": call.prefix})
                await client.chat.completions.create(
                    messages=messages, temperature=0, logprobs=True, extra_body=body, **shared
                )
            else:
                await tokens(messages)
                answered = [*messages, {"role": "assistant", "content": call.response}]
                whole = await tokens(answered, add_generation_prompt=False)
                body = {"prompt_logprobs": 0}
                await client.completions.create(prompt=whole, temperature=0, extra_body=body, **shared)

    async with httpx.AsyncClient(base_url=url, timeout=1800, headers={"Authorization": "Bearer key"}) as http:
        labels = []
        for digit in range(10):
            body = {"model": vllm.SERVED_NAME, "prompt": str(digit), "add_special_tokens": False}
            labels += (await http.post("/tokenize", json=body)).json()["tokens"]
        await asyncio.gather(*(one(call) for call in calls))


def _up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def main() -> None:
    home = Home(Path(tempfile.mkdtemp(prefix="lance-bench-")))
    recipe = config.load("demo", SETTINGS)
    starting_model(recipe.model, Store(home.store), home.work, lambda what: print(what, file=sys.stderr))
    orchestrated_s = orchestrated(home)
    ledger = read(home.ledger(recipe.name))
    assert ledger
    bare = Bare(home, ledger.iterations[0], recipe)
    bare_s = bare.run()
    stages = ledger.iterations[0].stages
    recorded = {label: bare.store.record(ref)["seconds"] for label, ref in stages.items()}
    raw = home.root / "timings.json"
    raw.write_text(json.dumps({"settings": SETTINGS, "bare": bare.seconds, "orchestrated": recorded}, indent=1))
    result = {"ratio": orchestrated_s / bare_s, "bare_s": bare_s, "orchestrated_s": orchestrated_s}
    print(json.dumps({key: round(value, 3) for key, value in result.items()} | {"raw": str(raw)}))


if __name__ == "__main__":
    main()
