"""Whether the gate can be trusted: planted regressions, models that differ by luck alone, and a real gain.

    make bench-gate [ARGS="--data FOLDER --home FOLDER"]

Really made and measured (held-out seed tasks, the shipped panel, the reviewer's anchors) are: the default model; the
same with noise in its weights; trained on its seeds, or on their shuffled answers, and what lies on the way there; and
two sets of its own samples. What goes wrong in texts, in the reviewer or by a leak is planted into what was measured
(tests/bench/gate/plants.py). All that was measured stays in a file, on which the gate runs again without a model:

    .venv/bin/python -m tests.bench.gate.tables FOLDER/gate.json

A run that was stopped goes on with the same --home. The last line is JSON.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from flows.operations.server import prefect_api
from tasks.engines.processes.progress import Progress
from tasks.recipe.recipe import load
from tasks.store.home import ROOT, Home
from tests.bench.gate.tables import show
from tests.bench.seeds import seed_files

SETTINGS = (
    *("branches=[]", "mix.human_share=1", "sft.epochs=3"),
    *("reading.anchor_share=0.3", "anchors.own_texts=false", "anchors.canaries=0"),  # 15 anchor seeds were too few
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--home", type=Path, help="go on from an earlier run")
    given = parser.parse_args()
    if not given.data.exists():
        sys.exit(f"no {given.data}: this needs self_instruct_seed_tasks.jsonl there, or --data FOLDER")
    home = Home(given.home or Path(tempfile.mkdtemp(prefix="lance-bench-")))
    seeds, held_out = seed_files(home.root, given.data)
    settings = [*SETTINGS, f"seeds={seeds}", f"held_out={held_out}"]
    with prefect_api(home, Progress()):
        from tests.bench.gate.models import measure_all  # prefect reads where its server is when it is imported

        found = measure_all(home, load("robust", settings))
    raw = home.root / "gate.json"
    raw.write_text(json.dumps(found))
    show(raw)


if __name__ == "__main__":
    main()
