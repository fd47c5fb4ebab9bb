"""`lance doctor` on this machine: what it looks at works, and no wait of it is silent."""

import json
import os
import subprocess
from pathlib import Path

from tasks.store.home import ROOT
from tests.support.evolution import LANCE


def test_it_finds_what_works_and_what_does_not_and_says_what_it_waits_for(tmp_path: Path) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    environment = kept | {"LANCE_HOME": str(tmp_path), "CXX": "no-compiler"}
    environment["PREFECT_SERVER_API_AUTH_STRING"] = "name:password"  # of a server that is not the embedded one
    (tmp_path / "model").mkdir()
    command = [*LANCE, "doctor", "--json", "--model", str(tmp_path / "model")]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    found = {one["what"]: one for one in json.loads(done.stdout)}
    for what in ("trainer", "engine", "device", "database"):
        assert found[what]["works"], found[what]
    # Headers and libnuma are there.
    assert (found["compiler"]["works"], found["compiler"]["found"]) == (False, "there is no C++ compiler (no-compiler)")
    assert "g++" in found["compiler"]["advice"]
    assert "starting the Prefect server (0 s)" in done.stderr
    assert "checking this machine 9/9" in done.stderr
    assert not found["model"]["works"] and "no *.safetensors in it" in found["model"]["found"], found["model"]
