"""A job: what a child process in the model environment is asked to do, as a file; and what it says while it works.

The parent writes JOB.json and starts `python -m ROOM.jobs.MODULE JOB.json`; the child commits the artifact itself,
so that a run which died meanwhile finds it. Progress goes back as JSON lines in a file of its own beside the job's.
"""

import contextlib
import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.store.artifacts import Draft, Spec, Store

BAD_INPUT = 65  # sysexits.h EX_DATAERR: trying again would end the same way


class Job(BaseModel):
    """One artifact to make. `given` is what the module needs beside the spec: paths, batch sizes, devices."""

    model_config = ConfigDict(frozen=True)
    store: Path
    spec: Spec
    work: Path  # the job's own folder, kept until the artifact is in the store: checkpoints, log, progress
    given: dict[str, Any] = {}

    @property
    def file(self) -> Path:
        return self.work / "job.json"

    @property
    def progress_file(self) -> Path:
        return self.work / "progress.jsonl"

    @property
    def refusal_file(self) -> Path:
        """What is wrong with the input, for the person; there if the job refused it."""
        return self.work / "refused.txt"

    @contextlib.contextmanager
    def draft(self) -> Iterator[Draft]:
        with Store(self.store).draft(self.spec) as draft:
            yield draft

    def say(self, what: str, done: int = 0, total: int = 0, **figures: float) -> None:
        """Report progress to the parent."""
        line = json.dumps({"what": what, "done": done, "total": total, "figures": figures})
        with self.progress_file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    @contextlib.contextmanager
    def saying(self, what: str, done: Callable[[], int] = lambda: 0, total: int = 0) -> Iterator[None]:
        """Report every second while the block runs: a long call of other people's code says nothing by itself."""
        over = threading.Event()

        def report() -> None:
            while not over.is_set():
                self.say(what, done(), total)
                over.wait(1)

        thread = threading.Thread(target=report)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def run_job(work: Callable[[Job], None]) -> None:
    """The `main` of a job's module: a ValueError (the user's to mend) is left in a file, and exits with BAD_INPUT."""
    job = Job.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        work(job)
    except ValueError as error:
        traceback.print_exc()  # into the log, for ours among them
        job.refusal_file.write_text(str(error), encoding="utf-8")
        sys.exit(BAD_INPUT)
