"""Everything that can die, on SQLite and on PostgreSQL, as a table.

    make death-matrix [ARGS="--out FOLDER"]

A cell that stands in FOLDER is not done again, so it can be stopped and gone on with. The last line is JSON.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from tasks.home import Home
from tests import materials
from tests.operations.deaths import Cell, Death, Deaths
from tests.operations.postgres import Postgres
from tests.operations.served import Served, free_port

STORE_MIB = 512
WHERE = {  # victims that are there at one moment only
    "engine": ("inference",),
    "trainer": ("training",),
}


class Done(BaseModel):
    database: str
    death: Death


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
            materials.tiny_model(materials.default_model(folder / "work"), model)
        served = Served(home, model, materials.some_seeds(folder / "seeds.jsonl"), env)
        stack.callback(served.down)
        served.up()
        yield Deaths(served, postgres)


def show(done: list[Done], console: Console) -> None:
    table = Table(
        "database", "victim", "how", "during", "state", "after", "orphans gone", "finished", "redone", box=None
    )
    for one in done:
        cell, death = one.death.cell, one.death
        finished = "by itself" if not death.reruns else f"{death.reruns} rerun" + "s" * (death.reruns > 1)
        gone = "" if death.orphans_gone_s is None else f"{death.orphans_gone_s:.1f} s"
        table.add_row(
            *(one.database, cell.victim, cell.how, cell.moment, death.state, f"{death.ended_s:.0f} s", gone, finished),
            ", ".join(death.redone) + ("" if death.well else f"  NOT WELL: {death}"),
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(".lance/deaths"))
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--victims", nargs="*", help="these only")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    file, console = given.out / "deaths.jsonl", Console(width=200)
    done = [Done.model_validate_json(line) for line in file.read_text().splitlines()] if file.exists() else []
    for database in given.databases:
        there = {one.death.cell for one in done if one.database == database}
        todo = [c for c in cells(database) if c not in there and (not given.victims or c.victim in given.victims)]
        if todo:
            with serving(given.out.resolve(), database) as deaths:
                for i, cell in enumerate(todo, 1):
                    print(f"{database} {i}/{len(todo)}: {cell}", file=sys.stderr, flush=True)
                    done.append(Done(database=database, death=deaths.die(cell)))
                    file.open("a").write(done[-1].model_dump_json() + "\n")
    show(done, console)
    well = sum(one.death.well for one in done)
    print(json.dumps({"cells": len(done), "well": well, "raw": str(file)}))


if __name__ == "__main__":
    main()
