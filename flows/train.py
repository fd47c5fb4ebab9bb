"""A child run that trains for another run, on a machine with a device."""

from pathlib import Path
from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.cancellation import ends_when_cancelled
from tasks.engines.processes import launch
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.platform import detect
from tasks.engines.processes.progress import Progress
from tasks.execution.prefect_tasks import Say, run
from tasks.execution.prefect_tasks import train as train_task
from tasks.execution.remote import TrainingOrder
from tasks.store.artifacts import Store
from tasks.store.bucket import Bucket


@flow(name="train", persist_result=False)
def train(
    of_run: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")], training: Annotated[str, Field(min_length=1)]
) -> None:
    """Make one artifact of a run in a child process on the device.

    Args:
        of_run: The id of the run that it is for.
        training: The file in the shared home that says what is to be made.
    """
    asked = TrainingOrder.model_validate_json(Path(training).read_text(encoding="utf-8"))
    progress, platform = Progress(), detect()

    def make(say: Say) -> None:
        with DeviceLock(platform.locks) as device, progress.bar(asked.label) as bar:
            launch.train(
                asked.module,
                asked.job,
                bar.heard(say),
                platform,
                device,
                deadline_s=asked.deadline_s,
            )

    with ends_when_cancelled(of_run), progress.showing():
        run(train_task, asked.job.spec, asked.label, Store(asked.job.store, Bucket.given()), make)
