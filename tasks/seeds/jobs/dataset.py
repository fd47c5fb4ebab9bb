"""Fetch one split of a Hugging Face dataset, from the hub or a local folder, as a Parquet table.

    .venv-model/bin/python -m tasks.seeds.jobs.dataset JOB.json

`given` is {"name": "owner/name" or a folder, "split": "train"}; the artifact is rows.parquet. Code that comes with a
dataset is never run. Runs in the model environment; for the hub, start it with HF_HUB_OFFLINE=0: a child has 1.
"""

from pathlib import Path

from tasks.engines.processes.job import Job, run_job


def fetch(job: Job) -> None:
    """Raises ValueError where the dataset cannot be reached, has no such split, or cannot be read."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    name, split = job.given["name"], job.given["split"]
    folder = Path(name).resolve()
    # Bare names are refused: datasets takes "json" or "text" for a format, and reads every file of the working folder.
    if not folder.is_dir() and "/" not in name:
        raise ValueError(f"dataset {name!r}: expected owner/name or a folder, found neither; add the owner or the path")
    with job.draft() as draft:
        path = str(folder) if folder.is_dir() else name
        try:
            with job.saying(f"fetching split {split}"):
                rows = load_dataset(path, split=split, cache_dir=str(job.work / "cache"))
        # RuntimeError: a dataset that is a script. OSError: the hub's and the network's errors.
        except (DatasetsError, OSError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"dataset {name!r}, split {split!r}: expected a dataset on the hub or a folder of data files, found "
                f"{error} ({error.__cause__ or type(error).__name__}); "
                "check the name, the split and the network, or download it and give the folder"
            ) from error
        rows.to_parquet(draft.path / "rows.parquet")
        draft.record["rows"] = {"rows": rows.num_rows}
        draft.record["source"] = {"name": name, "split": split}


if __name__ == "__main__":
    run_job(fetch)
