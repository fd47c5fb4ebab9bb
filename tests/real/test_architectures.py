"""A Gemma 3 and a Qwen 3, with what such models bring: trained by TRL, and asked by vLLM before and after."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tasks.engines.calls import Answer, Call, chat
from tasks.engines.journal import Journal
from tasks.engines.lifecycle import Engines
from tasks.engines.models import starting_model
from tasks.engines.processes.platform import detect, model_python
from tasks.engines.processes.progress import Progress
from tasks.engines.tokenizing.tokens import Tokens
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Ref, Store
from tasks.store.home import ROOT
from tests.support.trainings import job, train


@dataclass
class Trained:
    """A starting model, and what SFT made of it, in one store with an engine."""

    kind: str
    folder: Path
    store: Store
    models: tuple[Ref, Ref]
    record: dict[str, Any]
    engines: Engines

    def ask(self, model: Ref, calls: Sequence[Call]) -> list[Answer]:
        (self.folder / "journal").unlink(missing_ok=True)
        return self.engines.client(model).ask(calls, Journal(self.folder / "journal"), lambda _: None)


@pytest.fixture(scope="module", params=["gemma3", "qwen3"])
def trained(
    request: pytest.FixtureRequest, default_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    folder = tmp_path_factory.mktemp(request.param)
    made = [str(model_python()), "-m", "tests.support.tiny_architectures", request.param]
    subprocess.run([*made, str(default_model), str(folder / "model")], check=True, cwd=ROOT)
    store = Store(folder / "store")
    before = starting_model(str(folder / "model"), store, folder / "work", print)
    asked = job(folder, store.folder(before), "sft", 1)
    record = train(asked)
    after = store.find(asked.spec)
    assert after
    config = EngineConfig(dtype="float32", context_tokens=512, in_flight=4, kv_cache_gib=1)
    engines = Engines(store, config, detect(), folder, Progress(quiet=True))
    try:
        yield Trained(request.param, folder, store, (before, after), record, engines)
    finally:
        engines.close()


def test_it_learns(trained: Trained) -> None:
    assert trained.record["loss"]["after"] < trained.record["loss"]["before"]
    kept = trained.store.folder(trained.models[1])
    ends = json.loads((kept / "generation_config.json").read_text())
    assert (
        ends["eos_token_id"]
        == json.loads((trained.folder / "model/generation_config.json").read_text())["eos_token_id"]
    )


def test_it_is_asked_by_its_own_template_and_none_of_its_defaults(trained: Trained) -> None:
    tokens, messages = Tokens.of(trained.store.folder(trained.models[0])), chat("Count to three.")
    sampled = [
        Call(kind="write", row=f"w{n}", messages=messages, max_new_tokens=6, temperature=1, seed=n) for n in range(6)
    ]
    read = Call(kind="likelihood", row="l", messages=messages, response="one two")
    scored = Call(kind="score", row="s", messages=messages, prefix="Score: ")
    *written, likelihood, score = trained.ask(trained.models[0], [*sampled, read, scored])
    asked, said = tokens.fitted(messages), tokens.fitted(chat("Count to three.", "one two"))
    behind = tokens.behind(asked, said)
    assert {one.prompt_tokens for one in written} == {len(tokens.ids(asked, False))}
    assert len({one.text for one in written}) > 1, "top_k is 1 in its generation_config.json"
    assert behind and len(likelihood.log_probs) == len(behind) - 1, "but for the line break behind the turn's end"
    assert len(score.log_probs) == 10
    if trained.kind == "gemma3":
        assert asked[0]["role"] == "user" and asked[0]["content"].startswith("You are a helpful assistant.")


def test_a_turn_ends_where_its_template_says(trained: Trained) -> None:
    folder = trained.store.folder(trained.models[0])
    (end,) = Tokens.of(folder).stop_ids
    known = {one["content"]: one["id"] for one in json.loads((folder / "tokenizer.json").read_text())["added_tokens"]}
    assert end == known["<|im_end|>"] != known["<|endoftext|>"]


def test_what_was_trained_takes_its_place_in_the_engine(trained: Trained) -> None:
    read = [Call(kind="likelihood", row="l", messages=chat("Count to 2."), response="one two three one two three")]
    before, after = (sum(trained.ask(model, read)[0].log_probs) for model in trained.models)
    assert after > before
    assert (trained.folder / "engine.log").read_text().count("Started server process") == 1
