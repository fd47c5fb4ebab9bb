"""The flow that hands over an evolution's champion and its data."""

from pathlib import Path
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from pydantic import Field

from flows import reconnect  # noqa: F401  # every client from here on, Prefect's own too
from flows.report import publish
from tasks.evolution.lookup import find
from tasks.store.home import Home


@flow(name="export", flow_run_name="export {run}", persist_result=False)
def export(
    run: Annotated[str, Field(min_length=1)],
    folder: Annotated[str, Field(min_length=1)],
    push: Annotated[str, Field(pattern=r"^$|^[^/\s]+/[^/\s]+$")] = "",
) -> None:
    """Export a model and the data that made it, each with a card.

    Args:
        run: An evolution's name (its champion), or NAME/ITERATION.
        folder: A new folder on the worker's machine; the model goes into its `model`, the data into its `data`.
        push: Upload both as this repository of the hub, OWNER/NAME; HF_TOKEN in the worker's environment is needed.
    """
    of = find(Home.here(), run)
    found = publish.Export(of.home, of.ledger, of.iteration.number if "/" in run else None)
    lines = []
    for name, write, kind in (("model", found.model, "model"), ("data", found.data, "dataset")):
        where = Path(folder) / name
        write(where)
        lines.append(f"- {name}: `{where}`")
        if push:
            lines.append(f"- pushed: {publish.push(where, push, kind)}")
    get_run_logger().info("; ".join(lines))
    create_markdown_artifact("\n".join(lines), key="export", description=f"Of {run}")
