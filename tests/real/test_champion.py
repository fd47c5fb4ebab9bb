"""A champion in use: its run killed at the promotion, then exported, loaded elsewhere, taken apart, and served."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from flows.report.publish import Export
from tasks.engines.calls import Call
from tasks.engines.journal import Journal
from tasks.engines.processes.platform import detect, model_python
from tasks.engines.processes.ports import free_port
from tasks.engines.vllm import Engine
from tasks.evaluate import held_out as evaluate
from tasks.evolution import ledger as ledgers
from tasks.evolution.ledger import Ledger
from tasks.recipe.evaluation import EvaluateConfig
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Store
from tasks.store.home import ROOT, Home
from tasks.store.rows import Measured, Seed
from tests.support.endpoint import Endpoint
from tests.support.evolution import LANCE, NAME, PROMOTED, Evolution
from tests.support.listening import unguarded
from tests.support.processes import wait_until_gone

# Promoted for sure: half of what it trains on are seeds, which raises the likelihood of others like them.
SETTINGS = [*PROMOTED, "gate.min_items=1", "mix.human_share=0.5", "evaluate.benchmarks=[]"]
SETTINGS += ["signals.use=[]", "review.score=random", "reading.held_out_share=0.35", "reading.anchor_share=0"]
KILLED_AT_ITS_PROMOTION = """
import os, signal
from tasks.evolution import champion
champion.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from flows.cli.main import main
main()
"""
TIE = 1e-3  # nats between the two likeliest tokens; below it, the order of sums may decide
WRITE = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
for call in json.load(sys.stdin):
    how = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}
    asked = tokenizer.apply_chat_template(call["messages"], **how)
    prompt = asked["input_ids"].shape[1]
    how = {"do_sample": False, "output_scores": True, "return_dict_in_generate": True}
    out = model.generate(**asked, max_new_tokens=call["max_new_tokens"], **how)
    written = out.sequences[0, prompt:]
    # The template's line break behind the end of a turn says nothing, and is not measured.
    answered = [*call["messages"], {"role": "assistant", "content": call["good"]}]
    whole = tokenizer.apply_chat_template(answered, return_dict=True)["input_ids"][:-1]
    likely = torch.log_softmax(model(torch.tensor([whole])).logits[0].double(), dim=-1)
    log_probs = [float(likely[n - 1, whole[n]]) for n in range(prompt, len(whole))]
    best = [torch.log_softmax(scores[0].double(), dim=-1).topk(2).values for scores in out.scores]
    print(json.dumps({
        "log_likelihood": sum(log_probs) / len(log_probs),
        "leads": [float(first - second) for first, second in best],
        "texts": [tokenizer.decode(written[:n], skip_special_tokens=True) for n in range(len(written) + 1)],
    }))
"""
LOGITS = """
import json, sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
base, adapter, merged = sys.argv[1:]
ids = AutoTokenizer.from_pretrained(merged)("The river is wide, and the bridge is old.", return_tensors="pt")
def logits(model):
    with torch.inference_mode():
        return model(**ids).logits
def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
wanted = logits(load(merged))
others = [load(base), PeftModel.from_pretrained(load(base), adapter)]
print(json.dumps([float((logits(model) - wanted).abs().max()) for model in others]))
"""


@dataclass
class Promoted:
    evolution: Evolution
    asked_again: int
    started_again: int
    before: list[str]  # what stood beside the ledger behind the kill

    @property
    def home(self) -> Home:
        return Home(self.evolution.home)

    @property
    def ledger(self) -> Ledger:
        found = ledgers.read(self.home.ledger(NAME))
        assert found
        return found

    def measured(self) -> list[tuple[Call, str, Measured]]:
        """By held-out seed: what the candidate was asked to write, the good response, and what came of both."""
        store, (one,) = Store(self.home.store), self.ledger.iterations
        config = EvaluateConfig.model_validate(one.recipe["evaluate"])
        items = evaluate.items(store.rows(one.seeds, Seed, "held_out"), config)
        rows = {row.item: row for row in store.rows(one.stages["evaluate [candidate]"], Measured)}
        calls = [call for call in evaluate.calls(items, config) if call.kind == "write"]
        return [(call, seed.response, rows[seed.id]) for call, seed in zip(calls, items, strict=True)]


@pytest.fixture(scope="module")
def promoted(tiny_model: Path, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Promoted:
    folder = tmp_path_factory.mktemp("champion")
    seeds = folder / "seeds.jsonl"
    everyday = (ROOT / "deployments" / "seeds" / "everyday.jsonl").read_text().splitlines(keepends=True)
    seeds.write_text("".join(everyday[:16]))
    it = Evolution(folder / "home", tiny_model, seeds, endpoint=endpoint)
    settings = [argument for setting in SETTINGS for argument in ("--set", setting)]
    arguments = it.command(*settings)[len(LANCE) :]
    command = [sys.executable, "-c", KILLED_AT_ITS_PROMOTION, *arguments]
    killed = subprocess.run(command, env=it.environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    wait_until_gone(it.processes, 15)
    answered, starts = it.answered(), it.engine_starts()
    before = sorted(path.name for path in Home(it.home).evolution(NAME).iterdir())
    it.run(*settings)
    return Promoted(it, it.answered() - answered, it.engine_starts() - starts, before)


def test_killed_between_ledger_and_champion_the_same_command_finishes_and_asks_nothing(promoted: Promoted) -> None:
    assert promoted.before == ["ledger.json", "lock"]
    assert (promoted.asked_again, promoted.started_again) == (0, 0)
    (one,) = promoted.ledger.iterations
    champion = json.loads(promoted.home.champion(NAME).read_text())
    assert one.candidate and champion["path"] == str(Store(promoted.home.store).path(one.candidate))
    assert promoted.ledger.superseded == []


def python(code: str, *arguments: str | Path, given: Any = None) -> list[Any]:
    """What a fresh process of the model environment prints, as JSON lines; it sees nothing of this project."""
    command = [str(model_python()), "-c", code, *map(str, arguments)]
    environment = {"HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, check=True, cwd="/", env=environment
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_exported_it_writes_in_transformers_and_in_vllm_what_the_run_measured(
    promoted: Promoted, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    done = promoted.evolution.ask("export", NAME, "--model", str(folder))
    assert done.returncode == 0, done.stderr
    calls, good, rows = zip(*promoted.measured(), strict=True)
    assert len(calls) >= 4
    given = [call.model_dump(mode="json") | {"good": text} for call, text in zip(calls, good, strict=True)]
    by_transformers, by_vllm = python(WRITE, folder, given=given), answers(folder, calls, tmp_path)
    for one, row, by_vllm_one in zip(by_transformers, rows, by_vllm, strict=True):
        # Greedy, a random model says one word for ever: how likely it finds real text tells more.
        assert one["log_likelihood"] == pytest.approx(row.log_likelihood, abs=1e-5)
        leads, texts = one["leads"], one["texts"]
        tie = next((n for n, lead in enumerate(leads) if lead < TIE), None)
        print("smallest lead", min(leads), "tie", tie, "likelihoods", one["log_likelihood"], row.log_likelihood)
        wanted = texts[-1] if tie is None else texts[tie].rstrip("\ufffd")  # some bytes of a letter
        assert {text if tie is None else text[: len(wanted)] for text in (row.response, by_vllm_one)} == {wanted}


def answers(folder: Path, calls: Sequence[Call], work: Path) -> list[str]:
    config = EngineConfig(context_tokens=1024, in_flight=4, dtype="float32")
    engine = Engine(folder, config, detect(), model_python(), work / "engine.log")
    try:
        engine.wait_until_ready(lambda _: None, lambda: None)
        return [answer.text for answer in engine.client.ask(calls, Journal(work / "journal"), lambda _: None)]
    finally:
        engine.stop()


def test_base_and_exported_adapter_are_the_merged_model(promoted: Promoted, tmp_path: Path) -> None:
    done = promoted.evolution.ask(
        "export", NAME, "--model", str(tmp_path / "model"), "--adapter", str(tmp_path / "adapter")
    )
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert 8 < config["r"] <= 16, "SFT's 8 and DPO's 8"
    ((without, with_it),) = python(LOGITS, promoted.evolution.model, tmp_path / "adapter", tmp_path / "model")
    print("largest difference of logits: without", without, "with", with_it)
    assert with_it < 1e-3 < without / 10
    assert "library_name: peft" in (tmp_path / "adapter" / "README.md").read_text()


def test_what_no_adapter_can_say_is_refused(promoted: Promoted, tmp_path: Path) -> None:
    ledger, rank_1 = promoted.ledger, {"lora": {"rank": 1}}
    with pytest.raises(ValueError, match="iteration 0 is the starting model, which has no adapter"):
        Export(promoted.home, ledger, 0).adapter(tmp_path / "adapter")
    (one,) = ledger.iterations
    thinner = one.model_copy(update={"recipe": one.recipe | {"sft": rank_1, "dpo": rank_1}})
    with pytest.raises(ValueError, match="it differs by more than LoRA of rank 2: export the merged model"):
        Export(promoted.home, ledger.model_copy(update={"iterations": [thinner]}), 1).adapter(tmp_path / "adapter")


@contextlib.contextmanager
def served(it: Evolution) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`lance serve` once it is up, and what it says of itself."""
    port, log = free_port(), (it.home.parent / "serve.log").open("w")
    command = [*LANCE, "serve", NAME, "--port", str(port)]
    serve = subprocess.Popen(
        command,
        env=it.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    try:
        assert serve.stdout
        said: dict[str, str] = {}
        for line in serve.stdout:
            if line.startswith("  "):
                name, _, value = line.strip().rpartition(" ")
                said[name.strip()] = value
            if "API key" in said:
                break
        assert "API key" in said, Path(log.name).read_text()
        yield serve, said
    finally:
        serve.kill()
        serve.wait()


def test_served_it_answers_who_has_the_key_and_ends_with_ctrl_c(promoted: Promoted) -> None:
    it = promoted.evolution
    call, _, row = promoted.measured()[0]
    with served(it) as (serve, said):
        asked: dict[str, Any] = {"model": said["model"], "temperature": 0, "messages": list(call.messages)}
        asked["max_tokens"] = call.max_new_tokens
        client = openai.OpenAI(base_url=said["base URL"], api_key=said["API key"])
        assert client.chat.completions.create(**asked).choices[0].message.content == row.response
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="guessed").chat.completions.create(**asked)
        answered, described = unguarded(said["base URL"].removesuffix("/v1"), said["API key"])
        assert answered == [] and described > 10
        assert len(it.processes()) >= 3, "the command, its supervisor, the server and its engine core"
        serve.send_signal(signal.SIGINT)
        seconds = wait_until_gone(it.processes, 10)
        print(f"gone within {seconds:.1f} s")
        assert serve.wait() == 0
