"""What orchestration costs: the same requests and the same training rows, bare against `lance evolve`, in one run.

    make bench-overhead

One evolution in a fresh store runs as it always does; whenever it has asked an engine or trained, the same is done at
once the bare way, and the other way round at every second stage: requests all together through the openai package to an
engine of its own, rows straight to the trainer; no Prefect, no store, no supervisor, no shards, no journal. Side by
side because this was measured: the same minute of training took 53 to 62 s from one time to the next on a shared
machine, which drowns a few per cent between two runs of ten minutes.

Orchestrated is the wall time of all of it, from the start of the server to the ledger, less the bare parts. Untimed are
what happens once per store: the default model's conversion and Prefect's database.
The last line is JSON: ratio, bare_s, orchestrated_s, and the path of the raw timings, stage by stage.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import openai

from flows.operations.server import prefect_api
from tasks.engines import vllm
from tasks.engines.calls import Answer, Call
from tasks.engines.models import starting_model
from tasks.engines.processes import launch, platform
from tasks.engines.processes.job import Job
from tasks.engines.processes.progress import Progress
from tasks.recipe.recipe import load
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.home import ROOT, Home

# The demo, made long enough (at least 600 s bare) for a few per cent to be seen.
SETTINGS = ["write.answers_per_instruction=8", "write.flawed_per_high_seed=3", "sft.epochs=5", "dpo.epochs=8"]
SETTINGS += ["evaluate.benchmarks=[]"]  # the harness's part is the same on both sides, and left out of both
PORT = 18765


class Bare:
    """The same work without anything around it. `seconds` by part."""

    def __init__(self, home: Home, recipe: Any):
        self.home, self.recipe, self.platform = home, recipe, platform.detect()
        self.seconds: dict[str, float] = {}
        self._server: subprocess.Popen[bytes] | None = None
        self._model: Ref | None = None

    def ask(self, label: str, path: Path, model: Ref, calls: list[Call]) -> None:
        if self._model != model:
            self.stop()
            self.timed(f"start for {label}", lambda: self._start(path))
            self._model = model
        self.timed(
            label, lambda: asyncio.run(_ask(f"http://127.0.0.1:{PORT}", calls, self.recipe.engine.at_once(cuda=False)))
        )

    def train(self, label: str, module: str, given: dict[str, Any]) -> None:
        self.stop()
        self.timed(label, lambda: self._train(module, given))

    def stop(self) -> None:
        if self._server:
            server, self._server, self._model = self._server, None, None
            server.terminate()
            self.timed("stop", server.wait)

    def timed(self, label: str, work: Callable[[], object]) -> None:
        started = time.monotonic()
        work()
        self.seconds[label] = self.seconds.get(label, 0.0) + time.monotonic() - started
        print(f"bare: {label} {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)

    def _start(self, model: Path) -> None:
        engine = self.recipe.engine
        command = vllm.command(platform.model_python(), model, PORT, engine, self.platform, for_runs=True)
        env = os.environ | vllm.environment("key", engine, self.platform)
        with (self.home.logs / "bare-engine.log").open("ab") as log:
            self._server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        while not _up(f"http://127.0.0.1:{PORT}/health"):
            assert self._server.poll() is None, "the bare engine ended"
            time.sleep(0.2)

    def _train(self, module: str, given: dict[str, Any]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            job = Job(store=Path(folder), spec=Spec(stage="bare", version=0), work=Path(folder), given=given)
            job.file.write_text(job.model_dump_json())
            command = [str(platform.model_python()), *launch.launcher(self.platform.gpus).arguments, "-m", module]
            env = os.environ | {"OMP_NUM_THREADS": str(len(self.platform.cores))}
            subprocess.run([*command, str(job.file)], check=True, cwd=ROOT, env=env, capture_output=True)


def paired(bare: Bare, orchestrated: dict[str, float]) -> type:
    """A runner that does everything twice, first the one way and then the other, by turns."""
    from tasks.execution.runner import PrefectRunner
    from tasks.execution.stage import NextCalls, SaveAnswers

    class Paired(PrefectRunner):
        def infer(self, spec: Spec, label: str, model: Ref, calls: NextCalls, save: SaveAnswers) -> Ref:
            answers: dict[str, Answer] = {}

            def noted(found: Mapping[str, Answer]) -> list[Call]:
                answers.update(found)
                return calls(found)

            def without() -> None:
                if asked := calls(answers):
                    bare.ask(label, self.store.path(model), model, asked)

            inferred = super().infer
            return self._both(label, lambda: inferred(spec, label, model, noted, save), without)

        def train(self, spec: Spec, label: str, module: str, given: dict[str, Any]) -> Ref:
            trained = super().train
            bare.stop()  # its engine and the trainer would share the cores
            return self._both(
                label,
                lambda: trained(spec, label, module, given),
                lambda: bare.train(label, module, given),
            )

        def _both(self, label: str, with_all: Callable[[], Ref], without: Callable[[], None]) -> Ref:
            def timed() -> Ref:
                started = time.monotonic()
                ref = with_all()
                orchestrated[label] = time.monotonic() - started
                return ref

            if len(orchestrated) % 2:
                without()
                return timed()
            ref = timed()
            without()
            return ref

    return Paired


async def _ask(url: str, calls: list[Call], in_flight: int) -> None:
    gate = asyncio.Semaphore(in_flight)

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

    async with (
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key", max_retries=0, timeout=1800) as client,
        httpx.AsyncClient(base_url=url, timeout=1800, headers={"Authorization": "Bearer key"}) as http,
    ):
        labels = []
        for digit in range(10):
            body = {"model": vllm.SERVED_NAME, "prompt": str(digit), "add_special_tokens": False}
            labels += (await http.post("/tokenize", json=body)).json()["tokens"]
        await asyncio.gather(*(one(call) for call in calls))


def _up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, headers={"Authorization": "Bearer key"}).status_code == 200
    except httpx.HTTPError:
        return False


def main() -> None:
    home = Home(Path(tempfile.mkdtemp(prefix="lance-bench-")))
    os.environ["LANCE_HOME"] = str(home.root)
    recipe = load("demo", SETTINGS)
    starting_model(recipe.model, Store(home.store), home.work, lambda what: print(what, file=sys.stderr))
    # In a process of its own: prefect keeps the address of the first server that it was imported under.
    make = "from flows.operations.server import prefect_api\nfrom tasks.store.home import Home\n"
    make += "from tasks.engines.processes.progress import Progress\n"
    make += "with prefect_api(Home.here(), Progress()): pass"
    subprocess.run([sys.executable, "-c", make], check=True, cwd=ROOT)
    bare, stages = Bare(home, recipe), dict[str, float]()
    started = time.monotonic()
    try:
        with prefect_api(home, Progress()):
            from flows import evolve, resources

            vars(resources)["PrefectRunner"] = paired(bare, stages)
            evolve.evolve(recipe="demo", settings=SETTINGS)
    finally:
        bare.stop()
    bare_s = sum(bare.seconds.values())
    orchestrated_s = time.monotonic() - started - bare_s
    raw = home.root / "timings.json"
    raw.write_text(json.dumps({"settings": SETTINGS, "bare": bare.seconds, "orchestrated": stages}, indent=1))
    result = {"ratio": orchestrated_s / bare_s, "bare_s": bare_s, "orchestrated_s": orchestrated_s}
    print(json.dumps({key: round(value, 3) for key, value in result.items()} | {"raw": str(raw)}))


if __name__ == "__main__":
    main()
