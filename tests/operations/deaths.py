"""One death: a run of the tiny recipe, a victim, a signal and a moment; what became of the run and of its processes."""

import contextlib
import json
import signal
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import psutil
import pyarrow.parquet as pq

from tests.operations.served import ENDED, Served
from tests.processes import marked, wait_until

MOMENTS = ("inference", "training")
VICTIMS = ("flow", "engine", "trainer", "worker", "server")
GONE_WITHIN_S = 30.0


@dataclass(frozen=True)
class Death:
    """What happened. `orphans_gone_s` is None where none was to go; `redone` are tasks that ran twice."""

    victim: str
    signal: str
    moment: str
    state: str  # of the run once it had ended by itself
    ended_s: float  # from the death until then
    orphans_gone_s: float | None
    rerun: str  # how it was finished: by itself, or by `lance up` and `lance rerun`
    redone: tuple[str, ...]
    double_rows: int
    iterations: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))


class Deaths:
    def __init__(self, served: Served):
        self.served = served

    def die(self, victim: str, number: signal.Signals, moment: str) -> Death:
        """Start a run, kill, and finish it."""
        it, name = self.served, f"{victim}-{number.name.lower()}-{moment}"
        # Another sampling seed for each, or the answers of the one before would be found in the store.
        run = it.start(name=name, settings=[f"sampling_seed={zlib.crc32(name.encode()) % 10_000}"])
        self.wait_for(moment, run)
        own = [process.pid for process in it.computing()]
        for process in self.victims(victim, run):
            process.send_signal(number)
        died = time.monotonic()
        gone = self._orphans_gone(own) if victim == "flow" else None
        if victim == "server":
            it.up()
        ended = it.wait(run)
        ended_s, finished = time.monotonic() - died, "by itself"
        if ended["state_type"] != "COMPLETED":
            it.up()
            finished = "lance rerun"
            done = it.lance("rerun", run[:8])
            assert done.returncode == 0, done.stderr
            time.sleep(1)
            assert it.wait(run)["state_type"] == "COMPLETED", it.run(run)["state"]
        it.up()
        states = it.states(run)
        return Death(
            victim=victim,
            signal=number.name,
            moment=moment,
            state=ended["state_name"],
            ended_s=round(ended_s, 1),
            orphans_gone_s=gone,
            rerun=finished,
            redone=tuple(name for name, seen in states.items() if seen.count("Completed") > 1),
            double_rows=sum(count - 1 for count in self._ids().values()),
            iterations=len(it.ledger(name)["iterations"]),
        )

    def victims(self, victim: str, run: str) -> list[psutil.Process]:
        """The processes to kill."""
        found: dict[str, Callable[[], list[psutil.Process]]] = {
            "flow": lambda: self._flow(run),
            "engine": lambda: [one for one in self.served.computing() if "vllm.entrypoints" in _command(one)],
            "trainer": lambda: [one for one in self.served.computing() if "tasks.backends.trl" in _command(one)],
            "worker": lambda: [self._service("worker-cpu")],
            "server": lambda: [self._service("prefect-server")],
        }
        chosen = found[victim]()
        assert chosen, f"no {victim} to kill"
        return chosen

    def wait_for(self, moment: str, run: str) -> None:
        work = self.served.home / "work"
        signs: dict[str, Callable[[], object]] = {
            # Answers in a journal, and more to come.
            "inference": lambda: any(file.stat().st_size for file in work.glob("write-answers-shard-*.jsonl")),
            "training": lambda: list(work.glob("sft-*/checkpoints/checkpoint-*/trainer_state.json")),
        }
        there = signs[moment]
        wait_until(lambda: there() or self.served.run(run)["state_type"] in ENDED, 900, moment)
        assert self.served.run(run)["state_type"] == "RUNNING", self.served.run(run)["state"]

    def _orphans_gone(self, own: list[int]) -> float:
        started = time.monotonic()
        wait_until(lambda: not any(_lives(pid) for pid in own), GONE_WITHIN_S, "engine and trainer gone")
        return round(time.monotonic() - started, 1)

    def _flow(self, run: str) -> list[psutil.Process]:
        """The process that runs the flow: the oldest of those that know the run's id."""
        found = sorted(marked("PREFECT__FLOW_RUN_ID", run), key=lambda process: process.create_time())
        return found[:1]

    def _service(self, name: str) -> psutil.Process:
        known = json.loads((self.served.home / "services" / f"{name}.json").read_text())
        return psutil.Process(known["pid"])

    def _ids(self) -> Counter[str]:
        """How often each row stands in the table that it belongs to."""
        counts: Counter[str] = Counter()
        for path in self.served.home.glob("store/*/*/*.parquet"):
            table = pq.read_table(path)
            if "id" in table.column_names and path.stem != "rejects":
                counts.update(f"{path} {row}" for row in table.column("id").to_pylist())
        return counts


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def expected(victim: str) -> dict[str, Any]:
    """What has to be so, whatever died."""
    by_itself = victim in ("engine", "trainer", "worker")
    return {"state": "Completed" if by_itself else None, "double_rows": 0, "iterations": 1}
