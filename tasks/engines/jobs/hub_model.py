"""Fetch a model from the hub: safetensors, configuration and tokenizer only. Runs in the model environment.

`given`: repository ("owner/model"), revision (branch, tag or commit). HF_TOKEN and a cache are the hub client's own.
"""

import contextlib
import shutil
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download

from tasks.engines.models import KEPT, check_folder
from tasks.engines.processes.job import Job, run_job


def fetch(job: Job) -> None:
    repository, revision = job.given["repository"], job.given["revision"]
    with job.draft() as draft:
        try:
            # By commit: a branch moves, and the record says what was taken.
            found = HfApi().model_info(repository, revision=revision, files_metadata=True)
            commit, patterns = found.sha, [f"*{ending}" for ending in KEPT]
            size = sum(file.size or 0 for file in found.siblings or [] if file.rfilename.endswith(KEPT))
            with job.saying("MB fetched", lambda: megabytes(draft.path), size // 10**6):
                snapshot_download(repository, revision=commit, local_dir=draft.path, allow_patterns=patterns)
        except Exception as error:  # whatever the hub's client lets through: its HTTP library changes with its versions
            raise ValueError(
                f"model {repository}@{revision}: could not be fetched from the hub ({type(error).__name__}: {error}). "
                "Check the name and the network, or give a local folder"
            ) from error
        shutil.rmtree(draft.path / ".cache", ignore_errors=True)  # the client's notes, with times in them
        check_folder(draft.path)
        draft.record["source"] = {"hub": repository, "revision": revision, "commit": commit}


def megabytes(folder: Path) -> int:
    """What lies in a folder; files that are not whole yet count as far as they are there."""
    found = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
            found += file.stat().st_size if file.is_file() else 0
    return found // 10**6


if __name__ == "__main__":
    run_job(fetch)
