"""What a person sees of an iteration in the Prefect UI: the funnel, the training curves, the verdict."""

from pathlib import Path
from socket import gethostname
from urllib.parse import quote

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.variables import Variable

from tasks.evaluate.gate import MDE_NOTE, SHOWN, Verdict
from tasks.evolution.funnel import funnel
from tasks.execution.stage import Stages
from tasks.review.drift import figures

SITE_VARIABLE = "lance_site"  # on the server: where a browser finds the site of results, http://HOST:PORT


def publish_funnel(stages: Stages) -> None:
    rows = [
        {
            "stage": row.label,
            "rows in": row.rows_in,
            "rows out": row.rows_out,
            "rejects by reason": ", ".join(f"{rule} {n}" for rule, n in row.rejected.items()),
            "seconds": row.seconds,
        }
        for row in funnel(stages.store, stages.made)
    ]
    create_table_artifact(rows, key="funnel", description=f"Iteration {stages.number}: rows in and out of each stage")


def publish_reviewer(stages: Stages) -> None:
    """Scores are 0-10, of anchors that nothing trains on."""
    if found := figures(stages.store, stages.made):
        rows = [{"figure": name, "value": value} for name, value in found.items()]
        create_table_artifact(rows, key="reviewer", description=f"Iteration {stages.number}: reviewer quality")


def publish_training(stages: Stages) -> None:
    for method in ("sft", "dpo"):
        if method not in stages.made:
            continue
        record = stages.store.record(stages.made[method])
        if "loss" not in record:  # there was nothing to train on
            continue
        loss = record["loss"]
        shown = ("step", "epoch", "loss", "rewards/accuracies", "rewards/margins", "learning_rate")
        curve = [{name: entry[name] for name in shown if name in entry} for entry in record["curve"]]
        summary = f"all rows, evaluation mode: loss {loss['before']:.4f} before, {loss['after']:.4f} after"
        create_table_artifact(
            curve, key=f"training-{method}", description=f"Iteration {stages.number}, {method}; {summary}"
        )


def publish_results(evolution: str, number: int, report: Path) -> None:
    """Links to the site of results that `lance up` serves; where there is none, what shows them."""
    site = Variable.get(SITE_VARIABLE, default=None)
    if site:
        of_it = f"{site}/evolutions/{quote(evolution, safe='')}"
        text = (
            f"[Iteration {number} with its rows]({of_it}/{number}), [all iterations]({of_it}), [report]({of_it}/report)"
        )
    else:
        text = "`lance site` shows verdicts, rows and their lineage in a browser."
    text += f"\n\nThe report as one HTML file lies at `{report}` on `{gethostname()}`."
    create_markdown_artifact(text, key="results", description=f"Up to iteration {number}")


def publish_verdict(verdict: Verdict, number: int) -> None:
    create_markdown_artifact(scoreboard(verdict, number), key="verdict", description=f"Iteration {number}")


def scoreboard(verdict: Verdict, number: int) -> str:
    lines = [f"# Iteration {number}: {verdict.decision}", "", *(f"- {reason}" for reason in verdict.reasons), ""]
    if verdict.axes:
        lines += [f"| axis | {' | '.join(SHOWN)} |", "|---" * (len(SHOWN) + 1) + "|"]
        lines += [f"| {' | '.join((axis.name, *axis.shown))} |" for axis in verdict.axes]
        lines += [
            "",
            f"Measured on {verdict.items} held-out items; intervals are paired bootstraps over them.",
            MDE_NOTE,
        ]
    return "\n".join(lines)
