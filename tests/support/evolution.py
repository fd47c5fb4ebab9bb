"""One evolution in a home of its own, driven through the command line as a person does, and looked at from outside."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tasks.store.home import ROOT
from tests.support.endpoint import Endpoint
from tests.support.processes import marked, wait_until, wait_until_gone, writing_below

RECIPE = ROOT / "tests" / "support" / "recipes" / "tiny.yaml"
NAME = "tiny"
# A tiny random model surely becomes likelier by so much SFT, and no better by anything else.
PROMOTED = ["gate.policy=paper", "sft.epochs=8", "gate.tolerances={preference: 9}"]
OWN_ENGINE = ("--set", "engine.endpoints=[]")
LANCE = [sys.executable, "-c", "from flows.cli.main import main; main()"]


class Evolution:
    """`home` is LANCE_HOME, and by it all processes of the evolution are found. Without an `endpoint`, or as OWN_ENGINE
    says, it starts engines of its own.
    """

    def __init__(
        self, home: Path, model: Path, seeds: Path, recipe: str = str(RECIPE), endpoint: Endpoint | None = None
    ):
        self.home, self.model, self.seeds, self.recipe, self.endpoint = home, model, seeds, recipe, endpoint
        self._asked_before = endpoint.log.stat().st_size if endpoint else 0

    def command(self, *more: str) -> list[str]:
        asked = ["--set", self.endpoint.setting] if self.endpoint else []
        return [*LANCE, "evolve", self.recipe, "--model", str(self.model), "--seeds", str(self.seeds), *asked, *more]

    def run(self, *more: str, timeout_s: float = 400) -> dict[str, Any]:
        """Run to the end; the summary that it prints."""
        done = self._done([*self.command(*more), "--json"], timeout_s)
        assert done.returncode == 0, done.stderr[-3000:]
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Another `lance` command about this evolution."""
        return self._done([*LANCE, *command], 100)

    def _done(self, command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def run_and_kill(self, when: Callable[[], object], what: str, *more: str) -> float:
        """Run until the condition holds, then kill -9; the seconds until no process of it was left."""
        with self.started(*more) as run:
            wait_until(lambda: when() or run.poll() is not None, 240, what)
            assert run.poll() is None, f"the run ended before it was killed: {what}"
        return wait_until_gone(self.processes, 15)

    @contextlib.contextmanager
    def started(self, *more: str) -> Iterator[subprocess.Popen[bytes]]:
        """A run under way; it is killed -9 at the end of the block if it still goes."""
        log = (self.home.parent / "run.log").open("ab")
        run = subprocess.Popen(self.command(*more), env=self.environment, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield run
        finally:
            run.kill()
            run.wait()

    def processes(self) -> list[Any]:
        found = marked("LANCE_HOME", str(self.home)) + writing_below(str(self.home))
        return list({process.pid: process for process in found}.values())

    @property
    def environment(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
        asked = self.endpoint.environment if self.endpoint else {}
        return inherited | asked | {"LANCE_HOME": str(self.home)}

    def artifacts(self, stage: str) -> list[Path]:
        return [path.parent for path in self.home.glob(f"store/{stage}/*/record.json") if path.parent.name[0] != "."]

    def kept_answers(self, stages: Sequence[str]) -> int:
        """Answers that stand in shards of these stages or, under way, in journals; those of two shards count once."""
        kept = set()
        for stage in stages:
            for path in self.artifacts(f"{stage}-shard"):
                model = json.loads((path / "record.json").read_text())["inputs"]["model"]
                calls = pq.read_table(path / "rows.parquet", columns=["call"]).column("call").to_pylist()
                kept |= {(stage, model, call) for call in calls}
        return len(kept) + sum(path.read_bytes().count(b"\n") for path in self.working("*-shard-*.jsonl"))

    def working(self, pattern: str) -> list[Path]:
        return list(self.home.glob(f"work/{pattern}"))

    def ids(self) -> Counter[str]:
        """How often each row id stands in the tables of its own stage, rejects aside."""
        counts: Counter[str] = Counter()
        for path in self.home.glob("store/*/*/*.parquet"):
            table = pq.read_table(path)
            if "id" in table.column_names and path.stem != "rejects":
                counts.update(f"{path} {row}" for row in table.column("id").to_pylist())
        return counts

    def answered(self) -> int:
        """Requests of all runs that engines have answered, by vLLM's own access log."""
        return len(re.findall(r'"POST /v1/(?:chat/)?completions HTTP/1.1" 200', self._engine_log()))

    def engine_starts(self) -> int:
        return self._engine_log().count("Started server process")

    def _engine_log(self) -> str:
        """Of its own engines, and of the endpoint since there was this evolution."""
        own = self.home / "logs" / "engine.log"
        shared = self.endpoint.log.read_bytes()[self._asked_before :] if self.endpoint else b""
        return ((own.read_bytes() if own.exists() else b"") + shared).decode(errors="replace")

    def task_states(self) -> dict[str, str]:
        """States of the last run's tasks by name, from Prefect's own database."""
        # Left open, it lives on in a cycle of its own and makes the tests' process one of the evolution's.
        with contextlib.closing(sqlite3.connect(self.home / "prefect" / "prefect.db")) as database:
            last = "select id from flow_run where name like 'iteration%' order by created desc limit 1"
            rows = database.execute(f"select name, state_name from task_run where flow_run_id = ({last})").fetchall()
        return dict(rows)
