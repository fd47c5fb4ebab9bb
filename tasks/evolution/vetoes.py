"""Vetoes of an evolution: only rows that it has, and that something is learned from."""

from collections.abc import Sequence
from datetime import datetime

from tasks.evolution.ledger import Ledger
from tasks.evolution.lineage import Lineage
from tasks.store import vetoes
from tasks.store.artifacts import Store
from tasks.store.home import Home
from tasks.store.vetoes import Veto


def add_vetoes(home: Home, ledger: Ledger, rows: Sequence[str], why: str, iteration: int) -> list[Veto]:
    """Those that are new; `iteration` is the first that is not yet made. Raises ValueError as `veto`."""
    lineage = Lineage(Store.of(home), ledger)
    for row, known in zip(rows, lineage.find_all(rows), strict=True):
        if {place.table for place in known.places} & {"held_out", "anchors"}:
            raise ValueError(f"{row} is never trained on, only measured on; to drop it, remove it from its file")
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    return vetoes.add(home.vetoes(ledger.name), rows, why, iteration, now)
