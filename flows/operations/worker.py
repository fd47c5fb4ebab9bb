"""Prefect's worker of processes, in which a run that comes back waits for its own place.

    python flows/operations/worker.py --pool POOL --name NAME [--limit 1]

A run holds its place until its process has ended. One that comes back before that, suspended or run again, made
Prefect 3.8's worker end with a RuntimeError, and a GPU was without one. The server offers it again at the next look.
Started by its path: whatever is called `flows` on PYTHONPATH is another project's.
"""

import sys
import warnings

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.workers.process import ProcessWorker

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # that it takes the place of Prefect's

    class Worker(ProcessWorker):
        type = "process"

        async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
            held = self._limiter.statistics().borrowers if self._limiter else ()
            free = [one for one in flow_run_response if one.flow_run.id not in held]
            return await super()._submit_scheduled_flow_runs(free)


if __name__ == "__main__":
    from prefect.cli import app

    sys.argv[1:1] = ["worker", "start", "--type", "process"]
    app()
