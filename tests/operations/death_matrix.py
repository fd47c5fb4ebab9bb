"""Everything that can die, on SQLite and on PostgreSQL, as a table.

    make death-matrix [ARGS="--out FOLDER"]

A cell that ended well in FOLDER is not done again, so it can be stopped and gone on with. The last line is JSON.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.table import Table

from tasks.engines.processes.ports import free_port
from tasks.store.home import Home
from tests.operations.deaths import Cell, Death, Deaths
from tests.operations.postgres import Postgres
from tests.operations.served import Served
from tests.support import materials

STORE_MIB = 512
WHERE = {  # victims that are there at one moment only
    "engine": ("inference",),
    "trainer": ("training",),
}


class Done(BaseModel):
    """A cell, and what came of it; without a death it did not end as stated, and `failure` says what did not hold."""

    database: str
    cell: Cell
    death: Death | None = None
    failure: str = ""

    @property
    def well(self) -> bool:
        return self.death is not None and self.death.well

    def __str__(self) -> str:
        if self.death is None or not self.death.well:
            return f"NOT WELL: {self.failure or self.death}"
        told = [f"{self.death.state} after {self.death.ended_s:.0f} s"]
        told += [] if self.death.orphans_gone_s is None else [f"children gone in {self.death.orphans_gone_s:.1f} s"]
        told += [f"{self.death.reruns} rerun" + "s" * (self.death.reruns > 1)] if self.death.reruns else []
        told += [f"made again: {', '.join(self.death.redone)}"] if self.death.redone else []
        return ", ".join(told)


def cells(database: str) -> Iterator[Cell]:
    victims = ["flow", "engine", "trainer", "worker", "server", *(["database"] if database == "postgresql" else [])]
    for victim in victims:
        for moment in WHERE.get(victim, ("inference", "training")):
            yield from (Cell(victim=victim, how=how, moment=moment) for how in ("SIGKILL", "SIGTERM"))
    for moment in ("inference", "training"):
        yield Cell(victim="run", how="cancel", moment=moment)
        yield Cell(victim="disk", how="full", moment=moment)


@contextmanager
def serving(folder: Path, database: str) -> Iterator[Deaths]:
    """A server on that database, with its store on a small file system of its own (which needs root)."""
    with ExitStack() as stack:
        home = folder / database
        shutil.rmtree(home, ignore_errors=True)
        store = Home(home).store
        store.mkdir(parents=True, exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={STORE_MIB}m", "lance-store", str(store)]
        subprocess.run(mount, check=True)
        stack.callback(subprocess.run, ["umount", "--lazy", str(store)], check=False)
        postgres = Postgres(free_port()) if database == "postgresql" else None
        env = {}
        if postgres:
            stack.callback(postgres.remove)
            env = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": postgres.url}
        model = folder / "tiny-model"
        if not model.exists():
            materials.tiny_model(materials.default_model(), model)
        served = Served(home, model, materials.some_seeds(folder / "seeds.jsonl"), env)
        stack.callback(served.down)
        served.up()
        yield Deaths(served, postgres)


def strike(folder: Path, database: str, todo: list[Cell]) -> Iterator[Done]:
    """Each of them on one server; on another one, in an empty home, behind one that did not end as stated."""
    left = deque(todo)
    while left:
        with serving(folder, database) as deaths:
            well = True
            while left and well:
                cell = left.popleft()
                print(f"{database} {len(todo) - len(left)}/{len(todo)}: {cell}", file=sys.stderr, flush=True)
                try:
                    done = Done(database=database, cell=cell, death=deaths.die(cell))
                except AssertionError as failed:
                    done = Done(database=database, cell=cell, failure=str(failed))
                yield done
                well = done.well


def show(done: list[Done], databases: list[str], console: Console) -> None:
    """As Markdown, for the README."""
    table = Table("dies", "of", "during", *databases, box=box.MARKDOWN)
    for cell in dict.fromkeys(one.cell for one in done):
        of = {one.database: str(one) for one in done if one.cell == cell}
        table.add_row(cell.victim, cell.how, cell.moment, *(of.get(database, "") for database in databases))
    console.print(table)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(".lance/deaths"))
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--victims", nargs="*", help="these only")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    file, console = given.out / "deaths.jsonl", Console(width=200)
    there = [Done.model_validate_json(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {(one.database, one.cell): one for one in there}
    for database in given.databases:
        chosen = [cell for cell in cells(database) if not given.victims or cell.victim in given.victims]
        todo = [cell for cell in chosen if not ((one := done.get((database, cell))) and one.well)]
        for one in strike(given.out.resolve(), database, todo):
            done[database, one.cell] = one
            with file.open("a") as raw:
                raw.write(one.model_dump_json() + "\n")
    show(list(done.values()), given.databases, console)
    well = sum(one.well for one in done.values())
    print(json.dumps({"cells": len(done), "well": well, "raw": str(file)}))


if __name__ == "__main__":
    main()
