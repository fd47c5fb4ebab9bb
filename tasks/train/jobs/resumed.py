"""What a training that was killed goes on from. Its processes agree on it: other machines have folders of their own."""

import json
import math
import zipfile
from pathlib import Path

from accelerate.utils import broadcast_object_list, gather_object

from tasks.engines.processes.job import Job


def checkpoint(folder: Path) -> str | None:
    """The newest one that all machines have whole."""
    there = {int(path.name.split("-")[1]): path for path in folder.glob("checkpoint-*") if _is_whole(path)}
    everywhere = set.intersection(*map(set, gather_object([list(there)])))
    return str(there[max(everywhere)]) if everywhere else None


def _is_whole(path: Path) -> bool:
    """Its trainer_state.json parses, and what PyTorch wrote ends as it should.

    The first process writes trainer_state.json last of all, but waits for no other: each has a file of random numbers,
    and one that was killed over it left half of one.
    """
    try:
        json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return all(map(zipfile.is_zipfile, path.glob("*.pt*")))


def loss_before(job: Job) -> float | None:
    """The loss of the untouched model where nobody has to look, as the first process has it.

    Of a model that is its own reference, DPO's is known: it finds both responses as likely as the reference does.
    """
    if job.given["method"] == "dpo" and not job.given["reference"] and not job.given["config"].get("nll"):
        return math.log(2)
    file = loss_file(job)
    found: list[float | None] = [float(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None]
    broadcast_object_list(found)  # in place
    return found[0]


def loss_file(job: Job) -> Path:
    """Measured once per job, however often it is killed."""
    return job.work / "loss_before.json"
