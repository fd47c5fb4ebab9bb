"""Imports go one way: flows → steps → runner → stages, backends → prompts, text, artifacts → config, calls, records."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGES = {"anchors", "calibrate", "canaries", "review", "split", "write", "annotate", "pairs", "evaluate", "benchmarks"}
FLOWS = (
    "answer",
    "approval",
    "evaluate",
    "evolve",
    "exporting",
    "heeding",
    "iterate",
    "pictures",
    "reconnect",
    "running",
    "train",
)
MAY_IMPORT_PREFECT = {"tasks.kinds", "tasks.here", "tasks.child_runs"} | {
    f"flows.{name}"
    for name in (*FLOWS, "doctor", "server", "operate.applied", "operate.deploy", "operate.rerun", "operate.runs")
}
# Run in the model environment, each as a child process of its own.
MODEL_SIDE = {
    f"tasks.backends.{name}" for name in ("trl", "train_rows", "divergence", "default_model", "hub_model", "dataset")
} | {
    f"tasks.backends.{name}"
    for name in ("adapter", "harness", "benchmark_items", "benchmark_scores", "ifeval", "trackers")
}
HEAVY = {"torch", "transformers", "trl", "peft", "vllm", "datasets", "accelerate", "safetensors", "lm_eval"}
LAYERS = [  # a module may import what stands in a later layer, or in its own for the ones marked
    ("flows", True),
    ("tasks.whatif", False),
    ("tasks.steps", True),
    ("tasks.intake", False),
    ("tasks.lineage", False),
    ("tasks.watch", False),
    ("tasks.runner", False),
    ("tasks.here", False),
    ("tasks.elsewhere", False),
    ("tasks.child_runs", False),
    ("tasks.kinds", False),
    ("tasks.budget", False),
    ("tasks.offline", False),
    ("tasks.champion", False),
    ("tasks.garbage", False),
    ("tasks.ledger", False),
    ("tasks.shards", False),
    ("tasks.backends.engines", False),
    ("tasks.backends", True),
    ("tasks.progress", False),
    ("tasks.plan", False),
    ("tasks.work", False),
    ("tasks.footprint", False),
    ("tasks.gate", False),
    ("tasks.reached", False),
    ("tasks.axes", False),
    ("tasks.health", False),
    ("tasks.worth", False),
    ("stages", False),
    ("tasks.clean", True),
    ("tasks.funnel", False),
    ("tasks.judge", False),
    ("tasks.skill", False),
    ("tasks.vetoes", False),
    ("tasks.target", False),
    ("tasks.mix", False),
    ("tasks.signals", True),
    ("tasks.corrupt", False),
    ("tasks.checkable", False),
    ("tasks.flaws", False),
    ("tasks.constitution", False),
    ("tasks.seeds", False),
    ("tasks.seed_forms", False),
    ("tasks.seed_files", False),
    ("tasks.prompts", False),
    ("tasks.text", False),
    ("tasks.instruction_checks", False),
    ("tasks.answer_checks", False),
    ("tasks.jobs", False),
    ("tasks.artifacts", False),
    ("tasks.provenance", False),
    ("tasks.recipes", False),
    ("tasks.train_config", False),
    ("tasks.measure_config", False),
    ("tasks.config", False),
    ("tasks.calls", False),
    ("tasks.examples", False),
    ("tasks.graded", False),
    ("tasks.calibration", False),
    ("tasks.records", False),
    ("tasks.home", False),
]
SHARED = {"tasks.provenance"}  # where the project lies: known to all


def modules() -> dict[str, Path]:
    found = {}
    for path in [*ROOT.glob("flows/**/*.py"), *ROOT.glob("tasks/**/*.py")]:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = path
    return found


def imported(path: Path) -> set[str]:
    """Dotted names; `from tasks import gate` counts as tasks.gate."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            ours = {f"{node.module}.{alias.name}" for alias in node.names} & set(modules())
            names |= ours or {node.module}
    return names


def layer(module: str) -> int:
    if module.removeprefix("tasks.") in STAGES:
        module = "stages"
    for i, (name, _) in enumerate(LAYERS):
        if module == name or module.startswith(name + "."):
            return i
    raise AssertionError(f"{module} stands in no layer: put it into one")


@pytest.mark.parametrize("module", sorted(set(modules()) - {"tasks", "flows"}))
def test_imports_point_downwards(module: str) -> None:
    mine = layer(module)
    for other in imported(modules()[module]) & set(modules()) - SHARED - {"tasks", "flows"}:
        theirs = layer(other)
        same_is_fine = theirs == mine and LAYERS[mine][1]
        assert theirs > mine or same_is_fine, f"{module} imports {other}, which stands above it or beside it"


@pytest.mark.parametrize("module", sorted(modules()))
def test_only_the_runner_and_the_flows_know_prefect_and_only_children_torch(module: str) -> None:
    roots = {name.partition(".")[0] for name in imported(modules()[module])}
    assert "prefect" not in roots or module in MAY_IMPORT_PREFECT, f"{module} imports prefect"
    assert not roots & HEAVY or module in MODEL_SIDE, f"{module} imports {roots & HEAVY}"


def test_the_command_line_and_all_stages_start_without_prefect_and_torch() -> None:
    stages = ", ".join(f"tasks.{name}" for name in sorted(STAGES | {"clean", "vetoes"}))
    code = f"import flows.cli, tasks.seeds, {stages}, sys; print({{'prefect', 'torch', 'openai'}} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "set()"


def test_files_stay_small() -> None:
    lengths = sorted(len(path.read_text().splitlines()) for path in modules().values())
    assert lengths[-1] <= 250
    assert lengths[len(lengths) // 2] <= 120


def test_the_tree_in_the_readme_is_the_tree() -> None:
    shown = {}
    tree = (ROOT / "README.md").read_text().partition("<!-- tree -->")[2].partition("<!-- /tree -->")[0]
    for line in tree.splitlines():
        name = line.strip().split("  ")[0]
        if name and not name.startswith("`"):
            shown[name] = line
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    wanted = {
        p
        for p in tracked
        if p.startswith(("flows/", "tasks/", "deployments/", "infra/")) and Path(p).stem != "__init__"
    }
    wanted = {p for p in wanted if not p.startswith("tasks/prompts/")}
    files = {name for name in shown if not name.endswith("/") and "/" in name}
    assert files == wanted, f"not in the README: {sorted(wanted - files)}; not in the tree: {sorted(files - wanted)}"
