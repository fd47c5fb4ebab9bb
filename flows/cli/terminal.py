"""What commands share: how they print."""

from typing import Annotated

import typer
from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output instead of text.")]


def output() -> Console:
    """Standard output; wide enough for the tables where it is a file or a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=140)
