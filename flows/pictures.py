"""What a person sees of an iteration in the Prefect UI: the funnel, the training curves, the verdict."""

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.funnel import funnel
from tasks.gate import Verdict
from tasks.steps import Steps


def publish_funnel(steps: Steps) -> None:
    rows = [
        {
            "stage": row.label,
            "rows in": row.rows_in,
            "rows out": row.rows_out,
            "rejects by reason": ", ".join(f"{rule} {n}" for rule, n in row.rejected.items()),
            "seconds": row.seconds,
        }
        for row in funnel(steps.store, steps.made)
    ]
    create_table_artifact(rows, key="funnel", description=f"Iteration {steps.number}: rows in and out of each stage")


def publish_training(steps: Steps) -> None:
    for method in ("sft", "dpo"):
        if method not in steps.made:
            continue
        record = steps.store.record(steps.made[method])
        loss = record["loss"]
        shown = ("step", "epoch", "loss", "rewards/accuracies", "rewards/margins", "learning_rate")
        curve = [{name: entry[name] for name in shown if name in entry} for entry in record["curve"]]
        summary = f"all rows, evaluation mode: loss {loss['before']:.4f} before, {loss['after']:.4f} after"
        create_table_artifact(
            curve, key=f"training-{method}", description=f"Iteration {steps.number}, {method}; {summary}"
        )


def publish_verdict(verdict: Verdict, number: int) -> None:
    lines = [f"# Iteration {number}: {verdict.decision}", "", *(f"- {reason}" for reason in verdict.reasons), ""]
    if verdict.axes:
        lines += ["| axis | champion | candidate | change | 95% interval |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join((axis.name, *axis.shown))} |" for axis in verdict.axes]
        lines += ["", f"Measured on {verdict.items} held-out items; intervals are paired bootstraps over them."]
    create_markdown_artifact("\n".join(lines), key="verdict", description=f"Iteration {number}")
