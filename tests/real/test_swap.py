"""One engine, several models: it says what a new engine with that model says, whatever goes wrong on the way."""

import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tasks.engines.calls import Answer, Call, chat
from tasks.engines.journal import Journal
from tasks.engines.lifecycle import Engines
from tasks.engines.processes.platform import detect
from tasks.engines.processes.progress import Progress
from tasks.engines.server import Server, SwapFailed
from tasks.engines.serving.weights import HEADER
from tasks.engines.vllm import Engine
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.files import RECORD, content
from tasks.store.rows import digest
from tests.support import materials
from tests.support.processes import command_line, wait_until, writing_below

EACH = 200
TEXTS = [f"{who} {does} {n} {what}." for n in range(2, 7) for who in ("She", "He") for does in ("counts", "buys", "has",
         "sees") for what in ("apples", "old books", "grey stones", "letters", "small boats")]  # fmt: skip


def calls(each: int) -> list[Call]:
    """As many greedy answers as likelihoods, over texts of their own."""
    greedy = [Call(kind="write", row=f"w{n}", messages=chat(text), max_new_tokens=24) for n, text in enumerate(TEXTS)]
    read = [Call(kind="likelihood", row=f"l{n}", messages=chat("Tell."), response=t) for n, t in enumerate(TEXTS)]
    return [*greedy[:each], *read[:each]]


@dataclass
class Served:
    """Engines over a store with two models, and each one's answers from an engine that was started with it."""

    engines: Engines
    folder: Path
    store: Store
    models: tuple[Ref, Ref]
    fresh: tuple[list[Answer], list[Answer]]

    def starts(self) -> int:
        return (self.folder / "engine.log").read_text().count("Started server process")

    def answers(self, model: Ref, asked: Sequence[Call]) -> list[Answer]:
        (self.folder / "journal").unlink(missing_ok=True)
        return self.engines.client(model).ask(asked, Journal(self.folder / "journal"), lambda _: None)

    def server(self) -> Server:
        assert isinstance(self.engines._engine, Engine)
        return self.engines._engine.server


def adopted(store: Store, source: Path, name: str) -> Ref:
    spec = Spec(stage="base-model", version=1, inputs={"name": name})
    with store.draft(spec) as draft:
        for file in source.iterdir():
            if file.name != "record.json":
                shutil.copyfile(file, draft.path / file.name)
    found = store.find(spec)
    assert found
    return found


def served(models: Sequence[Path], folder: Path) -> Served:
    store = Store(folder / "store")
    one, other = (adopted(store, path, str(n)) for n, path in enumerate(models))
    engines = Engines(store, EngineConfig(context_tokens=512), detect(), folder, Progress(quiet=True))
    made = Served(engines, folder, store, (one, other), ([], []))
    for ref, answers in zip((one, other), made.fresh, strict=True):
        engines.stop()
        answers += made.answers(ref, calls(EACH))
    return made


@pytest.fixture(scope="module")
def two(tiny_model: Path, default_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    other = materials.tiny_model(default_model, tmp_path_factory.mktemp("other"), seed=1)
    made = served((tiny_model, other), tmp_path_factory.mktemp("served"))
    yield made
    made.engines.close()


def check(two: Served) -> None:
    (one, other), starts = two.models, two.starts()
    assert all(a != b for a, b in zip(*(fresh[EACH:] for fresh in two.fresh), strict=True)), "likelihoods differ"
    for ref, fresh in ((one, two.fresh[0]), (other, two.fresh[1]), (one, two.fresh[0])):
        assert two.answers(ref, calls(EACH)) == fresh
    assert two.starts() == starts


@pytest.mark.long
def test_with_the_default_model_a_swapped_engine_answers_as_a_fresh_one(default_model: Path, tmp_path: Path) -> None:
    """The first of this file: the engine of `two` would hold the device."""
    made = served((default_model, materials.noisy_model(default_model, tmp_path)), tmp_path)
    check(made)
    made.engines.close()


def test_a_swapped_engine_answers_as_a_fresh_one_there_and_back(two: Served) -> None:
    check(two)


def test_an_engine_says_who_is_asked_and_refuses_in_another_s_name(two: Served) -> None:
    one, other = two.models
    two.engines.client(one)
    server = two.server()
    assert server.model() == one.digest
    body = {"model": "model", "prompt": "One, two,", "max_tokens": 1}
    for asked, status in ((one, 200), (other, 409)):
        headers = server.headers | {HEADER: asked.digest}
        reply = httpx.post(f"{server.url}/v1/completions", json=body, headers=headers)
        assert reply.status_code == status, reply.text


def wrong_content(two: Served, folder: Path) -> tuple[Path, str]:
    shutil.copytree(two.store.path(two.models[1]), folder)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"!")  # "?" is what ends a float32 of 1.0
    return folder, two.models[1].digest


def of_another_shape(two: Served, folder: Path) -> tuple[Path, str]:
    path = materials.tiny_qwen2(folder)
    return path, digest(content(path, RECORD))


def nothing_there(two: Served, folder: Path) -> tuple[Path, str]:
    return folder, digest({})


@pytest.mark.parametrize("bad", [wrong_content, of_another_shape, nothing_there])
def test_what_does_not_load_leaves_the_one_before(
    two: Served, tmp_path: Path, bad: Callable[[Served, Path], tuple[Path, str]]
) -> None:
    one, _ = two.models
    two.engines.client(one)
    with pytest.raises(SwapFailed, match=r"PUT /lance/model: 409 .*(content|config.json)"):
        two.server().load(*bad(two, tmp_path / "bad"))
    assert two.server().model() == one.digest
    assert two.answers(one, calls(4)) == [*two.fresh[0][:4], *two.fresh[0][EACH : EACH + 4]]


def test_two_swaps_at_once_end_with_one_model_which_is_the_one_that_is_said(two: Served) -> None:
    server, folders = two.server(), [(two.store.path(ref), ref.digest) for ref in two.models]
    for _ in range(5):
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(server.load, *one) for one in folders * 2]:
                done.result()
        now = next(n for n, ref in enumerate(two.models) if ref.digest == server.model())
        assert two.answers(two.models[now], calls(2)) == [*two.fresh[now][:2], *two.fresh[now][EACH : EACH + 2]]


def test_threads_that_want_different_models_never_get_the_other_one_s_answers(two: Served) -> None:
    """Who is asking while the other one swaps is told that the engine is gone, and tries again later, as tasks do."""

    def ask(which: int) -> list[Answer]:
        for attempt in range(50):
            journal = Journal(two.folder / f"journal-{which}-{attempt}")
            try:
                return two.engines.client(two.models[which]).ask(calls(1), journal, lambda _: None)
            except ConnectionError:
                time.sleep(random.uniform(0, attempt / 2))
        raise AssertionError("never answered")

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(ask, [0, 1] * 4))
    for which, answers in zip([0, 1] * 4, found, strict=True):
        assert answers == [two.fresh[which][0], two.fresh[which][EACH]]


def test_killed_in_the_middle_of_a_swap_the_engine_is_followed_by_one_with_the_right_model(two: Served) -> None:
    one, other = two.models
    two.engines.client(one)
    cores = [p for p in writing_below(str(two.folder)) if "EngineCore" in command_line(p)]
    starts, answers = two.starts(), list[Answer]()
    for core in cores:
        core.send_signal(signal.SIGSTOP)  # the swap is asked for, and does not come to its end
    swap = threading.Thread(target=lambda: answers.extend(two.answers(other, calls(4))))
    swap.start()
    wait_until(lambda: two.engines._lock.locked() and two.engines._model is None, 20, "the swap has begun")
    assert cores
    for core in cores:
        core.kill()
    swap.join()
    assert answers == [*two.fresh[1][:4], *two.fresh[1][EACH : EACH + 4]]
    assert two.starts() == starts + 1
