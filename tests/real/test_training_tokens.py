"""What training reads: so many tokens in place of epochs, and no row that does not fit whole."""

from pathlib import Path
from typing import Any

from tasks.engines.processes import launch
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.job import Job
from tasks.engines.processes.platform import detect
from tasks.recipe.training import SftConfig
from tasks.store.artifacts import Spec, Store
from tasks.store.examples import TrainRow
from tasks.store.rows import Rejected, Seed

WANTED, ROWS, BATCH = 1500, 8, 2


def trained(model: Path, folder: Path, rows: list[TrainRow], config: SftConfig) -> tuple[Store, Any]:
    store = Store(folder / "store")
    with store.draft(of_rows := Spec(stage="mix", version=1)) as draft:
        draft.table("sft", rows)
    given = {
        "method": "sft",
        "model": str(model),
        "rows": str(store.path(of_rows) / "sft.parquet"),
        "config": config.model_dump(mode="json"),
        "reference": "",
        "device_rows": BATCH,
        "save_steps": 100,
        "seed": 1,
    }
    spec = Spec(stage="sft", version=1)
    job = Job(store=store.root, spec=spec, work=folder / "work", given=given)
    with DeviceLock(detect().locks) as device:
        launch.train("tasks.train.jobs.trl", job, print, detect(), device, deadline_s=None)
    return store, store.find(spec)


def test_training_ends_at_the_batch_that_reaches_the_tokens_and_leaves_out_what_is_too_long(
    tiny_model: Path, tmp_path: Path
) -> None:
    rows = [
        TrainRow.of(Seed(instruction=f"Count to {n}.", response="one two three " * n))
        for n in [*range(1, ROWS + 1), 200]
    ]
    config = SftConfig(tokens=WANTED, batch_rows=BATCH, learning_rate=0.003, max_tokens=200)
    store, ref = trained(tiny_model, tmp_path, rows, config)
    record = store.record(ref)
    assert record["counts"] == {"in": ROWS + 1, "out": ROWS}
    (reject,) = store.rows(ref, Rejected, "rejects")
    assert (reject.row, reject.rule, reject.text) == (rows[-1].id, "too long to train on", "Count to 200.")
    seen, steps = record["curve"][-1]["num_tokens"], len(record["curve"])
    assert steps not in (0, ROWS // BATCH * config.epochs), "as many as the epochs would have"
    # TRL's own count; rows of one pass differ in length, so a last pass that is not whole is off by some.
    assert abs(seen - WANTED) < 2 * seen / steps
    assert record["trained_tokens"] == WANTED


def test_where_no_row_fits_there_is_no_model_and_a_reason(tiny_model: Path, tmp_path: Path) -> None:
    rows = [TrainRow.of(Seed(instruction="Count.", response="one two three " * 50))]
    store, ref = trained(tiny_model, tmp_path, rows, SftConfig(max_tokens=20))
    (why,) = store.record(ref)["shortage"]
    assert why.startswith("sft: none of 1 rows fits into max_tokens (20), the shortest has ")
    assert [reject.row for reject in store.rows(ref, Rejected, "rejects")] == [rows[0].id]
    assert list(store.path(ref).glob("*.safetensors")) == []
