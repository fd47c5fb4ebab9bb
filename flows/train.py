"""A child run that trains for another run, on a machine with a device."""

from functools import partial
from typing import Annotated

from prefect import flow, get_run_logger
from pydantic import Field

from flows.cancellation import ends_when_cancelled
from flows.resources import make_room
from tasks.engines.processes import launch
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.platform import detect
from tasks.engines.processes.progress import Progress
from tasks.evolution.lock import left_alone
from tasks.execution.claim import to_be_made
from tasks.execution.meeting import train_together
from tasks.execution.orders import TrainingOrder, refused_by
from tasks.execution.prefect_tasks import Say, run
from tasks.execution.prefect_tasks import train as train_task
from tasks.store.artifacts import Store
from tasks.store.home import Home


@flow(name="train", persist_result=False)
def train(
    of_run: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")],
    training: Annotated[str, Field(min_length=1)],
    number: Annotated[int, Field(ge=0)] = 0,
) -> None:
    """Make one artifact of a run in a child process on the device.

    Args:
        of_run: The id of the run that it is for.
        training: The name, in the home, of the text that says what is to be made.
        number: Which of the machines that make it together this one is; the first, 0, is where they meet.
    """
    home, progress, platform = Home.here(), Progress(), detect()
    store, text = Store.of(home), home.document(training, copied=False).read()
    if text is None:
        order = home.document(training)
        raise ValueError(f"{order}: there is none; do all machines share one LANCE_HOME or LANCE_STORE?")
    asked = TrainingOrder.model_validate_json(text)

    def make(say: Say) -> None:
        job = asked.taken_to(home, store)
        if number:  # whose checkpoints are its own, where machines share a folder
            job = job.model_copy(update={"work": job.work.with_name(f"{job.work.name}-{number}")})
        try:
            with DeviceLock(platform.locks) as device, progress.bar(asked.label) as bar:
                hear, deadline_s = bar.heard(say), asked.deadline_s
                by = partial(launch.train, asked.module, job, hear, platform, device, deadline_s=deadline_s)
                train_together(asked, training, home, store, number, lambda met: by(together=met))
        except ValueError as error:
            refused_by(home, job).write(str(error))
            raise

    def make_once(say: Say) -> None:
        with to_be_made(asked.job.spec, store, home) as mine:
            if mine:
                make(say)

    make_room(home, store)
    with left_alone(home), ends_when_cancelled(of_run), progress.showing():
        if number:
            make(get_run_logger().info)
        else:
            run(train_task, asked.job.spec, asked.label, store, make_once)
