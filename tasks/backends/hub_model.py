"""Fetch a model from the hub: safetensors, configuration and tokenizer only. Runs in the model environment.

`given`: repository ("owner/model"), revision (branch, tag or commit). HF_TOKEN and a cache are the hub client's own.
"""

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

from tasks.backends.models import KEPT, check_folder
from tasks.jobs import Job, run_job


def fetch(job: Job) -> None:
    repository, revision = job.given["repository"], job.given["revision"]
    job.say(f"fetching {repository}")
    with job.draft() as draft:
        try:
            snapshot_download(
                repository, revision=revision, local_dir=draft.path, allow_patterns=[f"*{ending}" for ending in KEPT]
            )
        except (RepositoryNotFoundError, LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
            raise ValueError(
                f"model {repository}@{revision}: could not be fetched from the hub ({type(error).__name__}). "
                "Check the name and the network, or give a local folder"
            ) from error
        check_folder(draft.path)
        draft.record["source"] = {"hub": repository, "revision": revision}


if __name__ == "__main__":
    run_job(fetch)
