"""Servers that are there already: what they lack is named before anything is asked, and they load each model."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from tasks.engines.calls import Call, chat
from tasks.engines.completions import CHAT
from tasks.engines.endpoints import KEY, Endpoints
from tasks.engines.journal import Journal
from tasks.engines.lifecycle import Engines
from tasks.engines.processes.platform import Platform
from tasks.engines.processes.progress import Progress
from tasks.engines.server import EngineNotStarted
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Ref, Store
from tests.real.test_swap import adopted
from tests.support import materials
from tests.support.endpoint import Endpoint
from tests.support.listening import CHAT_ANSWER, listening

OURS = {"model": "digest", "dtype": "float32"}
READ = {"choices": [{"text": "x", "prompt_logprobs": [None, {"1": {"logprob": -1.0}}]}]}


def answering(prompts: bool = True, seeds: bool = True) -> Any:
    said = itertools.count()

    def reply(path: str, _: Any) -> tuple[int, Any]:
        if path == CHAT:
            message = {"role": "assistant", "content": "Yes." if seeds else f"Yes {next(said)}."}
            return 200, CHAT_ANSWER | {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
        return (200, READ) if prompts else (400, {"error": "prompt_logprobs is off"})

    return reply


@pytest.mark.parametrize(
    ("reply", "said", "lacks"),
    [
        (answering(), None, "does not say which model it has loaded: start it by `lance serve NAME --for-runs`"),
        (answering(), OURS | {"dtype": "bfloat16"}, r"it serves in bfloat16, expected float32 \(engine.dtype\)"),
        (answering(prompts=False), OURS, "no log-probabilities of prompts"),
        (answering(seeds=False), OURS, "the same seed does not give the same text"),
        (answering(prompts=False, seeds=False), OURS, "log-probabilities of prompts .*; .* the same seed"),
    ],
)
def test_what_a_server_lacks_is_named(default_model: Path, reply: Any, said: Any, lacks: str) -> None:
    with listening(reply, said=said) as url:
        endpoints = Endpoints(default_model, EngineConfig(endpoints=(url,)), "float32")
        with pytest.raises(EngineNotStarted, match=f"engine.endpoints: {url}: .*{lacks}"):
            endpoints.wait_until_ready(lambda _: None, lambda: None)
        endpoints.stop()


def test_each_model_is_loaded_and_one_of_another_shape_is_refused(
    endpoint: Endpoint, tiny_model: Path, default_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, endpoint.key)
    store = Store(tmp_path / "store")
    one = adopted(store, tiny_model, "one")
    other = adopted(store, materials.tiny_model(default_model, tmp_path / "other", seed=1), "other")
    stranger = adopted(store, materials.tiny_qwen2(tmp_path / "stranger"), "stranger")
    platform = Platform(name="cpu", gpus=0, bfloat16=False, cores=(0,), locks=(tmp_path / "device.lock",))
    config = EngineConfig(endpoints=(endpoint.url, endpoint.url), dtype="float32")  # twice the same: it is shared out
    engines = Engines(store, config, platform, tmp_path, Progress(quiet=True))
    texts = ("It rains.", "Snow fell on the hills.", "Seven apples, two pears.")
    calls = [Call(kind="likelihood", row=text, messages=chat("Say it."), response=text) for text in texts]

    def read(model: Ref, name: str) -> list[float]:
        answers = engines.client(model).ask(calls, Journal(tmp_path / name), lambda _: None)
        return [sum(answer.log_probs) for answer in answers]

    first, second = read(one, "1"), read(other, "2")
    assert all(a != b for a, b in zip(first, second, strict=True))
    with engines.resting(beside=False):
        assert not engines.device.wanted()
    assert read(one, "3") == first
    with pytest.raises(EngineNotStarted, match=f"{endpoint.url} cannot load .*config.json is not that of"):
        engines.client(stranger)
    assert read(one, "4") == first
    engines.close()
    assert not (tmp_path / "engine.log").exists(), "an engine of its own was started"
