"""Tell experiment trackers of one iteration, by way of accelerate, which knows them all.

    -m tasks.evolution.jobs.trackers JOB.json          (in the model environment)

`given`: trackers (names), project, run, folder (of what a tracker keeps in files), config (flat), curves (figures by
step, for each method), figures (of the iteration as a whole).
"""

from accelerate import Accelerator

from tasks.engines.processes.job import Job, run_job


def work(job: Job) -> None:
    given = job.given
    named = {"name": given["run"]}
    settings = {"wandb": named, "trackio": named, "mlflow": {"run_name": given["run"]}}
    for name in given["trackers"]:
        # Files of one run go into a folder of their own; services have a name for the run beside the project's.
        project = given["project"] if name in settings else f"{given['project']}/{given['run']}"
        try:
            accelerator = Accelerator(cpu=True, log_with=name, project_dir=given["folder"])
            accelerator.init_trackers(project, given["config"], {name: settings[name]} if name in settings else {})
            if not accelerator.trackers:
                raise ImportError(f"no module named {name!r}")
        except ImportError as error:
            raise ValueError(
                f"trackers: {name} is not installed: {error}; add it to the model environment, or take it out"
            ) from error
        for method, curve in given["curves"].items():
            for point in curve:
                step = int(point["step"])
                accelerator.log({f"{method}/{key}": value for key, value in point.items() if key != "step"}, step=step)
        accelerator.log(given["figures"], step=given["iteration"])
        accelerator.end_training()
        job.say(f"told {name}")
    with job.draft() as draft:
        draft.record["counts"] = {"in": len(given["figures"]), "out": len(given["trackers"])}


if __name__ == "__main__":
    run_job(work)
