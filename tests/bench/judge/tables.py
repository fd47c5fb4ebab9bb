"""The tables of `make bench-judge`, from its file of raw scores; no model is asked.

`n` corrupted anchors, and the share of them below the good one of their own seed ("in pairs"), are those of the whole;
`read` and `sampled` were asked of fewer.

.venv/bin/python -m tests.bench.judge.tables FOLDER/judge.json
"""

import json
import sys
from math import isnan
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.review.meta_evaluation import Quality, quality
from tasks.store.reviews import Anchor

WHOLE = "calibrated"
TARGETS = ("mismatched", "truncated", "shuffled", "repeated", "contradicted")


def qualities(found: dict[str, Any]) -> dict[str, Quality]:
    """The quality of each way of judging on the anchors that it has a score for."""
    rows = [Anchor.model_validate(row) for row in found["anchors"]]
    made = {}
    for way, scores in found["scores"].items():
        known = [(row, score) for row, score in zip(rows, scores, strict=True) if score is not None]
        made[way] = quality([row for row, _ in known], [score for _, score in known])
    return made


def auc_table(who: str, by_way: dict[str, Quality], counts: dict[str, int]) -> Table:
    title = f"{who}: AUC against the good ones of the same source [95%, by seed]"
    table = Table("kind", "n", "in pairs", *by_way, title=title, title_justify="left", box=None)
    for source, kind in dict.fromkeys((one.source, one.corruption) for one in by_way[WHOLE].aucs):
        found = {
            way: next((a for a in one.aucs if (a.source, a.corruption) == (source, kind)), None)
            for way, one in by_way.items()
        }
        whole = found[WHOLE]
        assert whole
        cells = [f"{a.auc:.2f} \\[{a.low:.2f}, {a.high:.2f}]" if a else "" for a in found.values()]
        in_pairs = "" if isnan(whole.within_pairs) else f"{whole.within_pairs:.2f}"
        table.add_row(f"{source}: {kind.removeprefix('own ')}", str(whole.n), in_pairs, *cells)
    table.add_row("have a score", "", "", *(str(counts[way]) for way in by_way))
    lengths = (f"{one.length_correlation or 0:+.2f}" for one in by_way.values())
    table.add_row("score with length, Spearman", "", "", *lengths)
    gaps = (one.human_own_gap for one in by_way.values())
    table.add_row("human minus own text", "", "", *("" if gap is None else f"{gap:+.2f}" for gap in gaps))
    return table


def canary_table(shifts: dict[str, dict[str, Any] | None]) -> Table:
    """What texts that ask for a better score gained by each way of judging, over their harmless twins."""
    table = Table("canaries", "pairs", "no score", "gained, of 10 [95%]", "worst", "it gained", box=None)
    for way, one in shifts.items():
        if one is None:
            table.add_row(way, "none with two scores")
        else:
            gained = f"{one['mean']:+.2f} \\[{one['low']:+.2f}, {one['high']:+.2f}]"
            table.add_row(
                way, str(one["n"]), str(one["unparsed"]), gained, escape(one["worst"]), f"{one['worst_mean']:+.2f}"
            )
    return table


def cost_table(costs: list[dict[str, Any]]) -> Table:
    """Seconds and tokens of an item, by what was asked; a part that went on after a stop is added up."""
    table = Table(title="what it takes, an item", title_justify="left", box=None)
    for column in ("asked", "items", "requests", "seconds", "prompt tokens", "new tokens"):
        table.add_column(column, justify="left" if column == "asked" else "right")
    for name in dict.fromkeys(cost["asked"] for cost in costs):
        parts = [cost for cost in costs if cost["asked"] == name]
        items = max(parts[0]["items"], 1)
        sums = [sum(part[what] for part in parts) / items for what in ("requests", "seconds", "prompt", "new")]
        requests, seconds, prompt, new = sums
        table.add_row(name, str(items), f"{requests:.1f}", f"{seconds:.2f}", f"{prompt:.0f}", f"{new:.1f}")
    return table


def show(raw: Path, console: Console) -> dict[str, float]:
    """Print everything; the AUC of the calibrated whole without length, by kind, for the model as it is."""
    found = json.loads(raw.read_text())
    costs = found.pop("costs")
    by_who = {who: qualities(one) for who, one in found.items()}
    for who, by_way in by_who.items():
        counts = {way: sum(score is not None for score in scores) for way, scores in found[who]["scores"].items()}
        console.print(auc_table(who, by_way, counts), canary_table(found[who]["canaries"]), sep="\n")
    console.print(cost_table(costs))
    aucs = by_who["untaught"][WHOLE].aucs
    return {a.corruption: round(a.auc, 3) for a in aucs if a.source == "human" and a.corruption in TARGETS}


if __name__ == "__main__":
    print(json.dumps({"auc": show(Path(sys.argv[1]), Console(width=240))}))
