"""Readers of seed files under coverage-guided fuzzing (Atheris): no traceback, no hang, no row lost, bounded memory.

    make bench-fuzz [ARGS="--home FOLDER --minutes 10 --endings .jsonl .csv ..."]

Needs Atheris, which is in no lock: `.venv/bin/python -m pip install atheris`. Each ending is fuzzed from one good file
of its kind, and goes on from what an earlier run found. The last line is JSON; what failed is kept in FOLDER.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from tasks.store.home import ROOT

ROWS = [{"prompt": "Say it.", "response": "It is so."}, {"prompt": "And 2?", "response": "4"}]
EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


def good(ending: str, file: Path) -> None:
    """A file of that kind with two seeds."""
    table = pa.Table.from_pylist(ROWS)
    match ending:
        case ".parquet":
            pq.write_table(table, file)
        case ".arrow":
            with pa.ipc.new_file(file, table.schema) as out:
                out.write(table)
        case ".csv" | ".tsv":
            between = "," if ending == ".csv" else "\t"
            file.write_text("".join(between.join(row) + "\n" for row in [ROWS[0], *(row.values() for row in ROWS)]))
        case ".json":
            file.write_text(json.dumps(ROWS))
        case _:
            file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, default=ROOT / ".lance" / "fuzz")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each ending")
    parser.add_argument("--endings", nargs="*", default=[".jsonl", ".json", ".csv", ".tsv", ".parquet", ".arrow"])
    given = parser.parse_args()
    executed, failed = {}, {}
    for ending in given.endings:
        folder = given.home / ending.strip(".")
        (corpus := folder / "corpus").mkdir(parents=True, exist_ok=True)
        good(ending, corpus / f"good{ending}")
        command = [sys.executable, "-m", "tests.bench.fuzz.reader", ending, str(corpus), str(int(60 * given.minutes))]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
        (folder / "log.txt").write_text(done.stdout + done.stderr)
        executed[ending] = sum(map(int, EXECUTED.findall(done.stderr)))
        if done.returncode:
            failed[ending] = (done.stdout + done.stderr)[-2000:]
        print(f"{ending:10} {executed[ending]:9} inputs {'FAILED' if done.returncode else 'well'}", file=sys.stderr)
    for ending, text in failed.items():
        print(f"{ending}:\n{text}", file=sys.stderr)
    print(json.dumps({"inputs": executed, "failed": sorted(failed), "raw": str(given.home)}))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
