"""`lance rows`: the rows of a stage as a file, for other programs."""

import contextlib
import csv
import json
import os
import sys
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import typer

app = typer.Typer()
Format = Literal["csv", "jsonl", "parquet"]


@app.command()
def rows(
    run: Annotated[str, typer.Argument(help="An evolution's name (all its iterations), or NAME/ITERATION.")],
    stage: Annotated[str, typer.Argument(help="A stage as `lance show` names it, e.g. 'annotate' or 'seeds'.")],
    table: Annotated[
        str, typer.Option(help="One of its tables, e.g. 'rejects'; default: `rows`, or the only one.")
    ] = "",
    format: Annotated[Format, typer.Option(help="csv, jsonl or parquet.")] = "jsonl",
    out: Annotated[Path | None, typer.Option(help="A file; default: standard output.")] = None,
) -> None:
    """Write a stage's rows, with their iteration and stage, to a file or to standard output."""
    import pyarrow.parquet as pq

    from flows.report.frames import Results

    name, _, number = run.partition("/")
    if number and not number.isdigit():
        raise ValueError(f"{run}: expected NAME or NAME/ITERATION, found the iteration {number!r}")
    if format == "parquet" and out is None:
        raise ValueError("--format parquet: expected a file to write to; give --out FILE")
    found = Results.of(name).table(stage, int(number) if number else None, table)
    if format == "parquet":
        pq.write_table(found, out)
        return
    with out.open("w", encoding="utf-8", newline="") if out else contextlib.nullcontext(sys.stdout) as file:
        try:
            _write(found, format, file)
        except BrokenPipeError:  # `| head` has read enough; Python would say so once more when it closes it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(found: Any, format: Format, file: IO[str]) -> None:
    """Lists are JSON in CSV, too."""
    cells = csv.writer(file)
    if format == "csv":
        cells.writerow(found.column_names)
    for batch in found.to_batches(max_chunksize=1000):
        for row in batch.to_pylist():
            if format == "csv":
                cells.writerow(_json(value) if isinstance(value, list | dict) else value for value in row.values())
            else:
                file.write(_json(row) + "\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
