"""One-letter choices by one request have the log-likelihoods that a request for each has, on a real engine."""

import json
from pathlib import Path

import pytest

from tasks.engines.calls import Call, chat
from tasks.engines.endpoints import KEY
from tasks.engines.journal import Journal
from tasks.engines.lifecycle import Engines
from tasks.engines.processes.platform import Platform
from tasks.engines.processes.progress import Progress
from tasks.evaluate.benchmarks.requests import Request, calls, replies
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Store
from tests.real.test_swap import adopted
from tests.support.endpoint import Endpoint


@pytest.mark.parametrize(("choices", "prefix"), [((" A", " B", " C", " D"), "Answer:"), (("A", "B", "C"), "")])
def test_letters_have_the_same_figures_in_one_request(
    endpoint: Endpoint,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    choices: tuple[str, ...],
    prefix: str,
) -> None:
    monkeypatch.setenv(KEY, endpoint.key)
    store = Store(tmp_path / "store")
    model = adopted(store, tiny_model, "one")
    platform = Platform(name="cpu", gpus=0, bfloat16=False, cores=(0,), locks=(tmp_path / "device.lock",))
    config = EngineConfig(endpoints=(endpoint.url,), dtype="float32")
    engines = Engines(store, config, platform, tmp_path, Progress(quiet=True))
    messages = json.dumps(chat("Which one? A: apples, B: pears, C: plums, D: none."))
    asked = [
        Request(benchmark="b", item="1", index=n, chat=messages, choice=choice, prefix=prefix)
        for n, choice in enumerate(choices)
    ]
    together = calls(asked)
    each = [
        Call(kind="likelihood", row=f"{n}", messages=together[0].messages, response=prefix + choice)
        for n, choice in enumerate(choices)
    ]
    client = engines.client(model)
    (answer,) = client.ask(together, Journal(tmp_path / "1"), lambda _: None)
    alone = client.ask(each, Journal(tmp_path / "2"), lambda _: None)
    engines.close()
    behind = len(alone[0].log_probs) - 2  # tokens of the prefix, which are read alike
    wanted = [one.log_probs[behind] for one in alone]
    found = [reply.log_likelihood for reply in replies(asked, [answer])]
    assert found == pytest.approx(wanted, abs=1e-5) and len(set(found)) == len(choices)
