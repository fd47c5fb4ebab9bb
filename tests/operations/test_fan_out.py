"""One iteration whose questions several workers answer, each with an engine of its own; one of them is killed."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from flows.operations.up import START_WORKER
from tests.operations.served import BRIEF, Served
from tests.support.processes import command_line, wait_until

WORKERS, SHARD = 3, 8
# What is asked of the starting model about the seeds and benchmarks, and not about what it wrote.
OF_SEEDS = {"evaluate-shard", "benchmark-replies-shard"}
# Small shards, so that there is one for each; another sampling seed, or all answers would be found in the store.
SETTINGS = [
    "execution.fan_out=deployments",
    "execution.idle_s=20",
    "engine.dtype=float32",
    f"engine.shard_requests={SHARD}",
    "sampling_seed=4",
]


@pytest.fixture(scope="module")
def workers(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers of the GPU pool, each with one slot and a device lock of its own, as machines would have."""
    started = [machine(served, tmp_path_factory.mktemp(f"machine-{number}")) for number in range(WORKERS)]
    yield started
    for worker in started:
        switch_off(worker)


def machine(served: Served, own: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Its worker, with a folder of its own for the device lock."""
    environment |= {"TMPDIR": str(own), "PREFECT_API_URL": f"{served.url}/api", "LANCE_ROOT": str(Path.cwd())}
    environment |= {"PREFECT_HOME": str(served.home / "prefect")}
    log = (own / "worker.log").open("ab")
    return subprocess.Popen(
        [*START_WORKER, "lance-gpu", "--limit", "1", "--name", own.name],
        env=served.environment | environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def switch_off(worker: subprocess.Popen[bytes]) -> None:
    """A whole machine goes: its worker, the child run, and all that it has started."""
    if worker.poll() is None:
        for process in [*psutil.Process(worker.pid).children(recursive=True), psutil.Process(worker.pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        worker.wait()


def children(served: Served, run: str, deployment: str) -> list[dict[str, Any]]:
    found = served.filter("flow_runs", flow_runs={"deployment_id": {"any_": [id_of(served, deployment)]}})
    return [child for child in found if child["parameters"]["of_run"] == run]


def id_of(served: Served, deployment: str) -> str:
    return str(served.api.get(f"/deployments/name/{deployment}").raise_for_status().json()["id"])


@contextlib.contextmanager
def empty_store(served: Served) -> Iterator[None]:
    """For a run that shall ask everything itself: the answers that others have are put aside meanwhile."""
    store, aside = served.home / "store", served.home / "store-aside"
    store.mkdir(exist_ok=True)  # where this is the first run
    store.rename(aside)
    try:
        yield
    finally:
        shutil.rmtree(store, ignore_errors=True)
        aside.rename(store)


def answered(served: Served) -> tuple[set[tuple[str, str, str]], int]:
    """Stage, model and call of all that stands in shards; and how many requests were made for it."""
    found, asked = set(), 0
    for shard in served.home.glob("store/*-shard/*/record.json"):
        record = json.loads(shard.read_text())
        asked += record["asked"]
        calls = pq.read_table(shard.with_name("rows.parquet")).column("call").to_pylist()
        found |= {(shard.parts[-3], record["inputs"]["model"], call) for call in calls}
    return found, asked


def _by_three_with_one_killed(served: Served, workers: list[subprocess.Popen[bytes]]) -> set[tuple[str, str, str]]:
    """What was answered, each exactly once."""
    run = served.start(name="wide", recipe=BRIEF, settings=[*SETTINGS, f"execution.workers={WORKERS}"])

    def engines() -> int:
        found = set()
        for one in served.computing():
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end while it is looked at
                if "vllm.entrypoints" in command_line(one):
                    found.add(one.environ().get("TMPDIR"))
        return len(found)

    wait_until(lambda: engines() == WORKERS, 300, "an engine for each worker", every_s=0.5)
    switch_off(workers[0])
    found = served.wait(run)
    assert found["state_type"] == "COMPLETED", found["state"]
    there, asked = answered(served)
    # What the dead machine's journal held was not asked for again, and counts for nobody.
    by_the_dead = len(there) - asked
    assert 0 <= by_the_dead < SHARD, "asked twice, or by nobody"
    answering = children(served, run, "answer/answer")
    assert len({child["idempotency_key"] for child in answering}) == len(answering) >= WORKERS
    trained = children(served, run, "train/train")
    assert {child["name"] for child in trained} == {"sft", "divergence"}
    wait_until(lambda: not served.computing(), 90, "no engine without a question")
    return there


@pytest.fixture(scope="module")
def three(served: Served, workers: list[subprocess.Popen[bytes]]) -> set[tuple[str, str, str]]:
    """What three workers answered, one of them killed, in a store of their own."""
    with empty_store(served):
        return _by_three_with_one_killed(served, workers)


@pytest.mark.long
def test_each_question_is_answered_once_by_three_workers_of_which_one_is_killed(
    three: set[tuple[str, str, str]],
) -> None:
    assert {stage for stage, _, _ in three} >= OF_SEEDS


@pytest.mark.long
def test_two_machines_train_together_and_go_on_without_delay_where_one_was_killed(
    served: Served, workers: list[subprocess.Popen[bytes]]
) -> None:
    """By the same child runs where the other machine had not met the killed one yet, else by new ones."""
    with empty_store(served):
        settings = [*SETTINGS, "execution.trainers=2", "execution.workers=1", "sft.epochs=8", "execution.idle_s=5"]
        run = served.start(name="together", recipe=BRIEF, settings=settings)

        def training() -> list[psutil.Process]:
            return [one for one in served.computing() if "torch.distributed.run" in command_line(one)]

        wait_until(lambda: len(training()) >= 2, 400, "a trainer of each", every_s=0.5)
        training()[-1].kill()
        found = served.wait(run)
        assert found["state_type"] == "COMPLETED", served.told(run)
        record = json.loads(next(served.home.glob("store/sft/*/record.json")).read_text())
        assert record["loss"]["after"] < record["loss"]["before"]
    trained = [child for child in children(served, run, "train/train") if child["name"] == "sft"]
    assert {child["parameters"]["number"] for child in trained} == {0, 1}


@pytest.mark.long
def test_one_worker_asks_the_same_as_three(
    served: Served, workers: list[subprocess.Popen[bytes]], three: set[tuple[str, str, str]]
) -> None:
    """Of the seeds, that is, and of the starting model: what follows from sampled text is other text each time."""
    with empty_store(served):
        run = served.start(name="narrow", recipe=BRIEF, settings=[*SETTINGS, "execution.workers=1"])
        assert served.wait(run)["state_type"] == "COMPLETED"
        one, asked = answered(served)
        assert asked == len(one), "asked twice"
    starting = served.ledger("narrow")["base"]["digest"]

    def comparable(found: set[tuple[str, str, str]]) -> set[tuple[str, str]]:
        return {(stage, call) for stage, model, call in found if model == starting and stage in OF_SEEDS}

    assert comparable(three) == comparable(one)
    signals = [served.ledger(name)["iterations"][0]["stages"]["signals [seeds]"] for name in ("wide", "narrow")]
    assert signals[0]["fingerprint"] == signals[1]["fingerprint"]


def test_without_a_deployment_that_answers_the_run_says_so(served: Served) -> None:
    settings = [*SETTINGS, "execution.answer=answer/elsewhere", "sampling_seed=5"]
    found = served.wait(served.start(name="alone", recipe=BRIEF, settings=settings), within_s=120)
    assert found["state_type"] == "FAILED"
    assert "no deployment 'answer/elsewhere' on this server: `lance up` deploys it" in found["state"]["message"]


@pytest.mark.long
def test_a_machine_with_a_home_of_its_own_is_named(
    served: Served, workers: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """What is asked in one home is never seen in another: its children end, and nothing is answered."""
    for worker in workers:
        switch_off(worker)
    apart = machine(served, tmp_path, LANCE_HOME=str(tmp_path / "home"))
    try:
        settings = [*SETTINGS, "execution.workers=1", "execution.idle_s=1", "sampling_seed=8"]
        found = served.wait(served.start(name="apart", recipe=BRIEF, settings=settings), within_s=400)
    finally:
        switch_off(apart)
    assert found["state_type"] == "FAILED"
    assert "do all machines share one LANCE_HOME or LANCE_STORE?" in found["state"]["message"], found["state"]
