import json
import os
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.engines.processes.job import BAD_INPUT, Job
from tasks.engines.processes.platform import model_python
from tasks.recipe.data import ReadingConfig
from tasks.seeds.reading import read
from tasks.store.artifacts import Spec, Store
from tasks.store.home import ROOT

SPEC = Spec(stage="dataset", version=1)


def run(folder: Path, name: str, split: str = "train") -> tuple[Job, subprocess.CompletedProcess[str]]:
    job = Job(store=folder / "store", spec=SPEC, work=folder / "work", given={"name": name, "split": split})
    job.work.mkdir()
    job.file.write_text(job.model_dump_json())
    command = [str(model_python()), "-m", "tasks.seeds.jobs.dataset", str(job.file)]
    env = os.environ | {"HF_HUB_OFFLINE": "1"}
    return job, subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_a_local_folder_becomes_a_table_of_seeds(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rows = [{"prompt": f"Q{n}", "response": "é\u2028", "extra": n} for n in range(3)]
    (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    job, done = run(tmp_path, str(data))
    assert done.returncode == 0, done.stderr
    assert "fetching split train" in job.progress_file.read_text()
    store = Store(job.store)
    ref = store.find(SPEC)
    assert ref
    assert store.record(ref)["rows"] == {"rows": 3}
    assert pq.read_table(store.path(ref) / "rows.parquet").to_pylist() == rows
    found = read(store.path(ref) / "rows.parquet", ReadingConfig(), lambda count: None)
    assert [seed.instruction for seed in found.seeds] == ["Q0", "Q1", "Q2"]


@pytest.mark.parametrize(
    ("name", "split", "parts"),
    [
        ("owner/name", "train", ["'owner/name'", "on the hub", "check the name"]),
        ("json", "train", ["'json'", "owner/name or a folder", "add the owner"]),
        ("deployments/seeds", "nothing", ["'deployments/seeds', split 'nothing'", "['train']", "check the name"]),
    ],
)
def test_what_cannot_be_reached_is_the_users_to_mend(tmp_path: Path, name: str, split: str, parts: list[str]) -> None:
    job, done = run(tmp_path, name, split)
    assert done.returncode == BAD_INPUT
    refusal = job.refusal_file.read_text()
    assert [part for part in parts if part not in refusal] == [], refusal
    assert Store(job.store).find(SPEC) is None
