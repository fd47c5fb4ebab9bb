"""The shipped notebook runs on an evolution, cell by cell, and draws."""

import json
import subprocess
import sys
from pathlib import Path

from tasks.store.home import ROOT, Home
from tests.unit.report.test_frames import home as home  # a fixture

NOTEBOOK = ROOT / "deployments" / "notebooks" / "evolution.ipynb"
RUN = """
import json, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
known = {}
for source in json.loads(sys.stdin.read()):
    exec(compile(source, "a cell", "exec"), known)
for number in plt.get_fignums():
    plt.figure(number).savefig(f"{sys.argv[1]}/{number}.png")
"""


def test_its_cells_run_in_their_order_and_draw(home: Home, tmp_path: Path) -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not [cell for cell in cells if cell.get("outputs")], "it is shipped as nobody has run it"
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (name,) = home.evolutions
    own = {"LANCE_HOME": str(home.root), "LANCE_EVOLUTION": name, "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)],
        input=json.dumps(code),
        env=own,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    drawn = list(tmp_path.glob("*.png"))
    assert len(drawn) == 3 and all(file.stat().st_size > 5000 for file in drawn)
