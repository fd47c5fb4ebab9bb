"""Fetch a model from the hub: safetensors, configuration and tokenizer only. Runs in the model environment.

`given`: repository ("owner/model"), revision (branch, tag or commit). HF_TOKEN and a cache are the hub client's own.
"""

import shutil

from huggingface_hub import HfApi, snapshot_download

from tasks.backends.models import KEPT, check_folder
from tasks.jobs import Job, run_job


def fetch(job: Job) -> None:
    repository, revision = job.given["repository"], job.given["revision"]
    job.say(f"fetching {repository}")
    with job.draft() as draft:
        try:
            # By commit: a branch moves, and the record says what was taken.
            commit = HfApi().model_info(repository, revision=revision).sha
            patterns = [f"*{ending}" for ending in KEPT]
            snapshot_download(repository, revision=commit, local_dir=draft.path, allow_patterns=patterns)
        except Exception as error:  # whatever the hub's client lets through: its HTTP library changes with its versions
            raise ValueError(
                f"model {repository}@{revision}: could not be fetched from the hub ({type(error).__name__}: {error}). "
                "Check the name and the network, or give a local folder"
            ) from error
        shutil.rmtree(draft.path / ".cache", ignore_errors=True)  # the client's notes, with times in them
        check_folder(draft.path)
        draft.record["source"] = {"hub": repository, "revision": revision, "commit": commit}


if __name__ == "__main__":
    run_job(fetch)
