"""What a person sees of an iteration in the Prefect UI: the funnel, the training curves, the verdict."""

from pathlib import Path

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.evaluate.gate import MDE_NOTE, SHOWN, Verdict
from tasks.evolution.funnel import funnel
from tasks.execution.stage import Stages
from tasks.review.drift import figures


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


def publish_report(file: Path, number: int) -> None:
    text = f"One HTML file with all that is known of the evolution so far: [{file}]({file.as_uri()})"
    create_markdown_artifact(text, key="report", description=f"Up to iteration {number}")


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
