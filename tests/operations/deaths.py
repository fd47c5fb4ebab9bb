"""One death: a run of the tiny recipe, a victim, what strikes it and when; what became of the run and its processes."""

import contextlib
import json
import signal
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from tasks.evolution.funnel import funnel
from tasks.store.artifacts import Ref, Store
from tasks.store.home import Home
from tests.operations.postgres import Postgres
from tests.operations.served import BRIEF, ENDED, Served
from tests.support.processes import command_line, marked, wait_until

GONE_WITHIN_S = 30.0
# What the brief recipe's rows go through, one answer for each instruction.
CHAIN = (
    *("write [instructions]", "clean [instructions]", "write [answers]", "clean [answers]", "signals [written]"),
    *("review [written]", "best [answers]", "annotate", "mix", "sft"),
)
RERUNS = 3  # with the database away, the first may end before it is back


class Cell(BaseModel):
    """What happens when. `how` is a signal's name; cancel and full have none."""

    model_config = ConfigDict(frozen=True)
    victim: str  # flow, engine, trainer, worker, server, database, run (cancelled), disk (full)
    how: str
    moment: str  # inference, training

    def __str__(self) -> str:
        return f"{self.victim}-{self.how.lower()}-{self.moment}"


class Death(BaseModel):
    """What came of it. `orphans_gone_s` is None where nothing was to go; `redone` are tasks that completed twice."""

    model_config = ConfigDict(frozen=True)
    state: str  # of the run once it had ended, before anybody helped
    ended_s: float  # from the death until then
    orphans_gone_s: float | None
    reruns: int  # 0: it finished by itself
    redone: tuple[str, ...]
    lost_rows: int
    double_rows: int
    iterations: int
    left: tuple[str, ...]  # processes that still compute at the end

    @property
    def well(self) -> bool:
        return (self.lost_rows, self.double_rows, self.iterations, self.left) == (0, 0, 1, ())


@dataclass
class Deaths:
    served: Served
    database: Postgres | None = None

    def die(self, cell: Cell) -> Death:
        """Start a run, strike, and finish it."""
        it = self.served
        run = self.start(str(cell))
        self.wait_for(cell.moment, run)
        own = [process.pid for process in it.computing()]
        mend = self.strike(cell, run)
        died = time.monotonic()
        gone = self.gone(own) if cell.victim in ("flow", "run") else None
        if cell.victim in ("server", "database"):
            mend()
        ended = it.wait(run)
        ended_s = time.monotonic() - died
        mend()
        it.up()
        return Death(
            state=ended["state_name"],
            ended_s=round(ended_s, 1),
            orphans_gone_s=gone,
            reruns=self.finish(run),
            redone=tuple(name for name, seen in it.states(run).items() if seen.count("Completed") > 1),
            lost_rows=self.lost_rows(str(cell)),
            double_rows=self.double_rows(),
            iterations=len(it.ledger(str(cell))["iterations"]),
            left=tuple(command_line(process) for process in it.computing()),
        )

    def start(self, name: str) -> str:
        """Another sampling seed for each name, or the answers of the one before would be found in the store.

        More epochs, for a trainer that lives until it is struck: of twelve steps it was over before.
        """
        seed = zlib.crc32(name.encode()) % 10_000
        return self.served.start(name=name, recipe=BRIEF, settings=[f"sampling_seed={seed}", "sft.epochs=12"])

    def finish(self, run: str) -> int:
        """Rerun it until it is done; how often."""
        it, reruns = self.served, 0
        while (now := it.wait(run))["state_type"] != "COMPLETED":
            reruns += 1
            assert reruns <= RERUNS, now["state"]
            self.rerun(run)
        return reruns

    def rerun(self, run: str) -> None:
        done = self.served.lance("rerun", run[:8])
        assert done.returncode == 0, done.stderr
        wait_until(lambda: self.served.run(run)["state_type"] not in ENDED, 60, "it goes on")

    def strike(self, cell: Cell, run: str) -> Callable[[], object]:
        """What mends it again."""
        if cell.victim == "run":
            done = self.served.lance("cancel", run[:8])
            assert done.returncode == 0, done.stderr
            return lambda: None
        if cell.victim == "disk":
            return self._fill()
        number = signal.Signals[cell.how]
        if cell.victim == "database":
            assert self.database, "the database of SQLite is a file"
            self.database.die(number)
            return self._database_back
        for process in self.victims(cell.victim, run):
            process.send_signal(number)
        return self.served.up

    def _database_back(self) -> None:
        assert self.database
        if not self.database.accepts():
            self.database.stop()
            self.database.start()

    def _fill(self) -> Callable[[], object]:
        """Nothing more goes onto the store's file system, which has to be a small one."""
        file = self.served.home / "store" / "filler"
        with contextlib.suppress(OSError), file.open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(1 << 16))
        return lambda: file.unlink(missing_ok=True)

    def victims(self, victim: str, run: str) -> list[psutil.Process]:
        """The processes to kill."""
        found: dict[str, Callable[[], list[psutil.Process]]] = {
            "flow": lambda: self._flow(run),
            "engine": lambda: self.children("vllm.entrypoints"),
            "trainer": lambda: self.children("tasks.train.jobs.trl"),
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
            "inference": lambda: any(map(_size, work.glob("write-answers-shard-*.jsonl"))),
            "training": lambda: list(work.glob("sft-*/checkpoints/checkpoint-*/trainer_state.json")),
        }
        asked = 0.0

        def there() -> bool:
            nonlocal asked
            if time.monotonic() - asked > 2:  # less often than the sign is looked for, which is there for seconds only
                asked = time.monotonic()
                assert self.served.glance(run) not in ENDED, f"{moment} was not seen: {self.served.told(run)}"
            return bool(signs[moment]())

        wait_until(there, 900, moment)

    def gone(self, own: list[int]) -> float:
        started = time.monotonic()
        wait_until(lambda: not any(_lives(pid) for pid in own), GONE_WITHIN_S, "engine and trainer gone")
        return round(time.monotonic() - started, 1)

    def _flow(self, run: str) -> list[psutil.Process]:
        """The process that runs the flow: the oldest of those that know the run's id."""
        found = sorted(marked("PREFECT__FLOW_RUN_ID", run), key=lambda process: process.create_time())
        return found[:1]

    def children(self, module: str) -> list[psutil.Process]:
        """Those that run the module, without the supervisors above them."""
        commands = [(one, command_line(one)) for one in self.served.computing()]
        return [one for one, command in commands if module in command and "supervisor" not in command]

    def _service(self, name: str) -> psutil.Process:
        return psutil.Process(json.loads((Home(self.served.home).services / f"{name}.json").read_text())["pid"])

    def lost_rows(self, name: str) -> int:
        """Rows that went into a stage and neither came out nor were rejected, or came out and reached no next stage."""
        stages = self.served.ledger(name)["iterations"][-1]["stages"]
        made = {label: Ref.model_validate(stages[label]) for label in CHAIN}
        rows = funnel(Store(Home(self.served.home).store), made)
        inside = [(row.rows_in or 0) - (row.rows_out or 0) - sum(row.rejected.values()) for row in rows]
        between = [(before.rows_out or 0) - (after.rows_in or 0) for before, after in pairwise(rows)]
        return sum(map(abs, inside + between))

    def double_rows(self) -> int:
        """Rows that stand in the table that they belong to once more than once."""
        counts: Counter[str] = Counter()
        for path in self.served.home.glob("store/*/*/*.parquet"):
            table = pq.read_table(path)
            if "id" in table.column_names and path.stem != "rejects":
                counts.update(f"{path} {row}" for row in table.column("id").to_pylist())
        return sum(count - 1 for count in counts.values())


def _size(file: Path) -> int:
    """0 where it is gone by now."""
    with contextlib.suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
