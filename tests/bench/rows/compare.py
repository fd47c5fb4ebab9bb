"""Near duplicates among the same texts by LANCE and by other libraries: seconds, memory, recall.

    pip install rensa datasketch 'datatrove[io,processing]' spacy     (in an environment of their own)
    python -m tests.bench.rows.compare --python THAT/bin/python [--data FOLDER --rows 100000]

Recall is of the planted copies whose ROUGE-L (F) with their source is above 0.7. What else was taken out stands beside:
the others verify nothing (tests/bench/rows/libraries.py says how each is set). The last line is JSON.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TextIO

from tasks.clean.near_duplicate import NearDuplicates
from tasks.clean.signatures import Signed
from tasks.store.home import ROOT
from tasks.text.words import rouge_l_f, words
from tests.bench.rows import texts

ABOVE = 0.7
LIBRARIES = ROOT / "tests/bench/rows/libraries.py"


def lance(file: Path) -> list[int]:
    with file.open(encoding="utf-8") as rows:
        known = NearDuplicates(Signed.of(json.loads(row)["text"] for row in rows), ABOVE)
    gone: dict[int, int | None] = {}
    for number in range(len(known.texts)):
        if found := known.find(number, gone):
            gone[number] = found[0]
    return sorted(gone)


def measured(command: list[str], minutes: float, log: TextIO) -> tuple[float, float, set[int] | None]:
    """Seconds, GiB at the process's peak, and the texts that it takes out; None if it had to be stopped."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, start_new_session=True)
    assert process.stdout
    # All of it: datatrove has processes of its own.
    limit = threading.Timer(60 * minutes, os.killpg, (process.pid, signal.SIGKILL))
    limit.start()
    said = process.stdout.read().splitlines()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    stopped = limit.finished.is_set()
    limit.cancel()
    if process.returncode and not stopped:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {Path(log.name).read_text()[-2000:]}")
    gone = None if stopped else set(json.loads(said[-1]))
    return time.monotonic() - started, used.ru_maxrss / 2**20, gone


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--python", default=sys.executable, help="of the environment with the other libraries")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=60, help="after which a library is stopped")
    parser.add_argument("--only", nargs="*", default=["lance", "rensa", "datasketch", "datatrove"])
    parser.add_argument("--of", type=Path, help="what LANCE takes out of this file, and nothing else")
    given = parser.parse_args()
    if given.of:
        print(json.dumps(lance(given.of)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file, near = Path(folder, "texts.jsonl"), set[int]()
        with file.open("w", encoding="utf-8") as out:
            for number, one in enumerate(texts.instructions(given.rows, given.data, ["Name a river."], 1)):
                out.write(json.dumps({"id": str(number), "text": one.text}) + "\n")
                if one.kind == "copy" and rouge_l_f(words(one.text), words(one.source)) > ABOVE:
                    near.add(number)
        found: dict[str, dict[str, float]] = {}
        for tool in given.only:
            ours = [sys.executable, "-m", "tests.bench.rows.compare", "--of", str(file)]
            command = ours if tool == "lance" else [given.python, str(LIBRARIES), tool, str(file)]
            with Path(folder, f"{tool}.log").open("w") as log:
                seconds, gib, gone = measured(command, given.minutes, log)
            found[tool] = {"seconds": round(seconds, 1), "gib": round(gib, 2)}
            if gone is None:
                found[tool]["ended"] = False
            else:
                found[tool] |= {"recall": round(len(gone & near) / len(near), 4), "others": len(gone - near)}
            print(tool, found[tool], flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
