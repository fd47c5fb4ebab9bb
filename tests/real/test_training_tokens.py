"""Training on so many tokens in place of epochs: what recipes are compared with at equal cost."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.artifacts import Spec, Store
from tasks.backends import launch
from tasks.backends.platform import detect
from tasks.jobs import Job
from tasks.records import SYSTEM
from tasks.train_config import SftConfig

WANTED, ROWS, BATCH = 1500, 8, 2


def test_training_ends_at_the_batch_that_reaches_the_tokens(tiny_model: Path, tmp_path: Path) -> None:
    rows = [
        {"system": SYSTEM, "instruction": f"Count to {n}.", "response": "one two three " * n, "history": []}
        for n in range(1, ROWS + 1)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "sft.parquet")
    config = SftConfig(tokens=WANTED, batch_rows=BATCH, learning_rate=0.003, max_tokens=200)
    given = {
        "method": "sft",
        "model": str(tiny_model),
        "rows": str(tmp_path / "sft.parquet"),
        "config": config.model_dump(mode="json"),
        "reference": "",
        "device_rows": BATCH,
        "save_steps": 100,
        "cpu": True,
        "seed": 1,
    }
    spec, store = Spec(stage="sft", version=1), Store(tmp_path / "store")
    job = Job(store=store.root, spec=spec, work=tmp_path / "work", given=given)
    launch.run("tasks.backends.trl", job, lambda _: None, trains_on=detect())
    ref = store.find(spec)
    assert ref
    record = store.record(ref)
    seen, steps = record["curve"][-1]["num_tokens"], len(record["curve"])
    assert steps not in (0, ROWS // BATCH * config.epochs), "as many as the epochs would have"
    # TRL's own count; rows of one pass differ in length, so a last pass that is not whole is off by some.
    assert abs(seen - WANTED) < 2 * seen / steps
    assert record["trained_tokens"] == WANTED
