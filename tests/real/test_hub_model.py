"""A model that the hub does not give is the user's to mend, in one sentence."""

import os
import subprocess
from pathlib import Path

from tasks.artifacts import Spec, Store
from tasks.backends.platform import model_python
from tasks.jobs import BAD_INPUT, Job
from tasks.provenance import ROOT


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    spec = Spec(stage="base-model", version=1)
    given = {"repository": "owner/model", "revision": "main"}
    job = Job(store=tmp_path / "store", spec=spec, work=tmp_path / "work", given=given)
    job.work.mkdir()
    job.file.write_text(job.model_dump_json())
    environment = os.environ | {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    command = [str(model_python()), "-m", "tasks.backends.hub_model", str(job.file)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=120)
    assert done.returncode == BAD_INPUT
    assert job.refusal_file.read_text().startswith("model owner/model@main: could not be fetched from the hub (")
    assert "Check the name and the network" in job.refusal_file.read_text()
    assert Store(job.store).find(spec) is None
