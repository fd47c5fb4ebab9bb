"""What `lance whatif` prints: thresholds and counts now and then, and some of the texts that would come and go."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.evolution.whatif import WhatIf


def print_changes(found: WhatIf, limit: int, console: Console) -> None:
    table = Table("", "now", "then", "added", "removed", box=None)
    for name, (now, then) in found.thresholds.items():
        table.add_row(name, f"{now:.2f}", f"{then:.2f}", "", "")
    for one in found.changes:
        table.add_row(one.what, str(one.now), str(one.then), str(len(one.added)), str(len(one.removed)))
    console.print(table)
    if found.unwritten:
        console.print(f"{found.unwritten} seeds would move between low and high; nothing is written for them yet")
    for one in found.changes:
        for what, texts in (("added", one.added), ("removed", one.removed)):
            for text in texts[:limit]:
                console.rule(f"{one.what}: {what}", align="left")
                console.print(escape(text), soft_wrap=True)
    console.print("\nno model was called; `lance evolve` with the same --set applies it, and writes what is missing")
