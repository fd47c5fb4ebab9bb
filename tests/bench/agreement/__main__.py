"""Whether our checks and lm-evaluation-harness's IFEval checks say the same of real replies.

    make bench-agreement ARGS="--home FOLDER --run EVOLUTION/ITERATION [--data FOLDER]"

The replies are those of an iteration's champion and candidate to IFEval. Where the two differ, the table has a reply of
each kind, for a person to see who is right. The last line is JSON.
"""

import argparse
import json
import subprocess
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.engines.processes.platform import model_python
from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evolution import lookup
from tasks.store.home import ROOT, Home
from tasks.verify.checks.base import verify

Asked = tuple[str, dict[str, Any]]
WITHOUT_ARGUMENTS = {
    "punctuation:no_comma": "no_commas",
    "change_case:english_lowercase": "lower_case",
    "change_case:english_capital": "upper_case",
    "startend:quotation": "quoted",
    "detectable_format:title": "titled",
    "detectable_format:json_format": "json_object",
}


def ours(kind: str, given: dict[str, Any]) -> Asked | None:
    """Our check of an IFEval instruction; None where we have none that asks the same."""
    if kind in WITHOUT_ARGUMENTS:
        return WITHOUT_ARGUMENTS[kind], {}
    match kind:
        case "detectable_format:number_bullet_lists":
            return "bullets", {"count": given["num_bullets"]}
        case "length_constraints:number_words":
            return _bounded("words", given["relation"], given["num_words"])
        case "length_constraints:number_sentences":
            return _bounded("sentences", given["relation"], given["num_sentences"])
        case "keywords:existence":
            return "contains_all", {"phrases": given["keywords"]}
        case "keywords:forbidden_words":
            return "contains_none", {"phrases": given["forbidden_words"]}
        case "startend:end_checker":
            return "ends_with", {"phrase": given["end_phrase"]}
        case "detectable_content:number_placeholders":
            return "at_least_placeholders", {"count": given["num_placeholders"]}
        case "detectable_format:number_highlighted_sections":
            return "at_least_highlights", {"count": given["num_highlights"]}
        case "combination:two_responses":
            return "parts", {"separator": "******", "count": 2}
        case "keywords:frequency" if given["relation"] == "at least":
            return "at_least_times", {"phrase": given["keyword"], "count": given["frequency"]}
    return None


def _bounded(what: str, relation: str, count: int) -> Asked:
    return (
        (f"at_least_{what}", {"count": count}) if relation == "at least" else (f"at_most_{what}", {"count": count - 1})
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    given = parser.parse_args()
    lines = (given.data / "ifeval_prompts.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    found = lookup.find(Home(given.home), given.run)
    prompts, replies = [], []
    for who in ("champion", "candidate"):
        for score in found.store.rows(found.stages[f"scores [{who}]"], ItemScore):
            if score.benchmark == "ifeval":
                prompts.append(rows[int(score.item.rpartition("/")[2])])
                replies.append(score.response)
    asked = json.dumps({"prompts": prompts, "replies": replies})
    command = [str(model_python()), "-m", "tests.bench.agreement.ifeval_judges"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, cwd=ROOT)
    theirs: list[list[bool]] = json.loads(done.stdout)

    counts, same, shown = Counter[str](), Counter[str](), defaultdict[str, list[str]](list)
    for prompt, reply, verdicts in zip(prompts, replies, theirs, strict=True):
        for kind, arguments, verdict in zip(prompt["instruction_id_list"], prompt["kwargs"], verdicts, strict=True):
            check = ours(kind, {key: value for key, value in arguments.items() if value is not None})
            if not check:
                continue
            mine = verify(check[0], reply, check[1])
            counts[kind] += 1
            same[kind] += mine.passed == verdict
            if mine.passed != verdict and len(shown[kind]) < 3:
                shown[kind].append(f"harness {verdict}, ours {mine.outcome}: {mine.reason}: {reply[-90:]!r}")
    table = Table("kind", "replies", "same", "differences", box=None)
    for kind, count in sorted(counts.items()):
        table.add_row(kind, str(count), str(same[kind]), escape("\n".join(shown[kind])))
    Console(width=200, stderr=True).print(table)
    share = sum(same.values()) / max(sum(counts.values()), 1)
    print(
        json.dumps({"verdicts": sum(counts.values()), "same": share, "kinds": {k: same[k] / counts[k] for k in counts}})
    )


if __name__ == "__main__":
    main()
