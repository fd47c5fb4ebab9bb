"""What `lance champion`, `lance rollback` and `lance serve` do."""

import secrets
import time

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.engines.processes import platform
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.platform import model_python
from tasks.engines.vllm import SERVED_NAME, Engine
from tasks.evolution import champion as champions
from tasks.evolution import ledger as ledgers
from tasks.evolution import lookup
from tasks.evolution.champion import Champion
from tasks.evolution.lock import only_one_run
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Store
from tasks.store.home import Home


def read(home: Home, name: str) -> Champion:
    """The champion as the ledger has it, and champion.json set right; raises ValueError where there is none."""
    while True:
        ledger = lookup.ledger(home, name)
        found = champions.write(home.champion(name), home.store, ledger)
        if lookup.ledger(home, name) == ledger:  # else a run promoted meanwhile: perhaps this is the one before
            Store.of(home).find(found.now.model)  # another machine may have made it
            return found


def roll_back(home: Home, name: str, iteration: int | None, why: str) -> Champion:
    """Set the champion back and keep the reason; raises ValueError while a run holds the evolution."""
    lookup.ledger(home, name)  # a name that there is not must leave no folder
    with only_one_run(home, name):
        at = home.ledger(name)
        ledger = ledgers.read(at)
        assert ledger, "it was there, and nobody else has the evolution"
        return champions.keep(home, champions.roll_back(ledger, iteration, why), at)


def print_champion(found: Champion, console: Console) -> None:
    table = Table(
        "iteration", "since", "by", "why", title=f"champions of {found.evolution}", title_justify="left", box=None
    )
    for step in found.history:
        what = "M_0" if step.iteration == 0 else str(step.iteration)
        table.add_row(what, step.since, step.by, escape("; ".join(step.reasons)))
    console.print(table)
    console.print(f"champion  {found.path}", soft_wrap=True)


def serve_champion(home: Home, found: Champion, port: int, key: str, for_runs: bool, console: Console) -> None:
    """Serve until interrupted; raises ChildFailed when the engine dies, OSError where the port is taken.

    `for_runs`: as one of the `engine.endpoints` of recipes, which load their own models into it.
    """
    ledger, device = lookup.ledger(home, found.evolution), platform.detect()
    recipe = ledger.iterations[-1].recipe if ledger.iterations else {}
    config = EngineConfig.model_validate(recipe.get("engine", {}))
    key = key or secrets.token_hex(16)
    engine = Engine(
        champions.folder(home.store, found.now.model),
        config,
        device,
        model_python(),
        home.logs / "serve.log",
        DeviceLock(device.locks),
        port,
        key,
        for_runs,
    )
    try:
        engine.wait_until_ready(
            lambda _: None, lambda: console.print("the device is in use by another run; waiting for it")
        )
        console.print(f"serving iteration {found.now.iteration} of {found.evolution}; end it with Ctrl-C")
        console.print(f"  base URL  http://127.0.0.1:{port}/v1\n  model     {SERVED_NAME}\n  API key   {key}")
        while True:
            time.sleep(1)
            engine.check()
    finally:
        engine.stop()
