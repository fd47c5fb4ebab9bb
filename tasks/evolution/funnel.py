"""The funnel of an iteration: what each stage took in, let out and rejected, from the records of its artifacts."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from tasks.store.artifacts import Ref, Store
from tasks.store.rows import Rejected


class FunnelRow(BaseModel):
    """One stage. `note` holds what else a person wants beside the counts: thresholds, losses."""

    model_config = ConfigDict(frozen=True)
    label: str
    rows_in: int | None
    rows_out: int | None
    rejected: dict[str, int]
    seconds: float
    note: str


def funnel(store: Store, made: Mapping[str, Ref]) -> list[FunnelRow]:
    rows = []
    for label, ref in made.items():
        try:
            record = store.record(ref)
        except OSError:
            raise ValueError(
                f"{label}: its artifact is gone from {store.path(ref)}; the same `lance evolve` recomputes it"
            ) from None
        counts = record.get("counts", {})
        notes = [f"{name} {value}" for name, value in counts.items() if name not in ("in", "out", "rows")]
        notes += [f"{name} {value:.2f}" for name, value in record.get("thresholds", {}).items()]
        if "loss" in record:
            notes.append(
                f"loss {record['loss']['before']:.3f} → {record['loss']['after']:.3f}, moved {record['moved']:.1e}"
            )
        if "kl" in record:
            notes.append(f"KL to M_0 {record['kl']:.1e} nats a token")
        if "target" in record:
            notes.append(record["target"])
        if passed := record.get("passed"):
            notes.append(
                "passed " + ", ".join(f"{name} {one['passed']}/{one['asked']}" for name, one in passed.items())
            )
        if truth := record.get("truth"):
            notes.append("AUC " + ", ".join(f"{one['about']} {one['auc']:.2f}" for one in truth[:4]))
        if judge := record.get("judge"):
            aucs = [a for a in judge["aucs"] if a["source"] == "human"]
            notes.append("AUC " + ", ".join(f"{a['corruption']} {a['auc']:.2f}" for a in aucs))
        if retest := record.get("retest"):
            notes.append(f"retest ±{retest['spread'] or 0:.2f}")
        if shift := record.get("canaries"):
            notes.append(f"{shift['n']} canaries {shift['mean']:+.2f}")
        if requests := record.get("requests"):
            tokens = record["tokens"]
            written = tokens["new"] > requests  # a reading makes one
            notes.append(f"{tokens['new']} tokens written" if written else f"{tokens['prompt']} tokens read")
        if trained := record.get("trained_tokens"):
            notes.append(f"trained on {trained} tokens")
        rows.append(
            FunnelRow(
                label=label,
                rows_in=counts.get("in", counts.get("rows")),
                rows_out=counts.get("out"),
                rejected=record.get("rejected", {}),
                seconds=record["seconds"],
                note=", ".join(filter(None, notes)),
            )
        )
    return rows


def rejects_by(store: Store, made: Mapping[str, Ref], rule: str) -> list[Rejected]:
    """What this rule took out, at any stage."""
    with_rejects = [ref for ref in made.values() if "rejects" in store.record(ref).get("rows", {})]
    found = store.rows(with_rejects, Rejected, "rejects")
    return [row for row in found if row.rule == rule]
