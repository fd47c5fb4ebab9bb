"""The order of the rooms, and what may be imported where (tasks/README.md)."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tasks.store.home import ROOT

# A module imports its own room or one behind it.
ORDER = (
    *("flows.cli", "flows.operations", "flows", "flows.report", "flows.plan"),
    *("tasks.evolution", "tasks.train", "tasks.annotate", "tasks.evaluate", "tasks.write", "tasks.seeds"),
    *("tasks.verify", "tasks.review", "tasks.clean", "tasks.execution", "tasks.engines", "tasks.verify.questions"),
    *("tasks.recipe", "tasks.verify.checks", "tasks.text", "tasks.store"),
)
STAGES = {f"tasks.{name}" for name in ("seeds", "verify", "review", "write", "clean", "annotate", "train", "evaluate")}
MODEL_SIDE = {"torch", "transformers", "trl", "peft", "vllm", "datasets", "accelerate", "safetensors", "lm_eval"}
FILES = {path: path.relative_to(ROOT) for folder in ("flows", "tasks") for path in (ROOT / folder).rglob("*.py")}
MODULES = {".".join(name.with_suffix("").parts).removesuffix(".__init__"): path for path, name in FILES.items()}


def room(module: str) -> str:
    return max((name for name in ORDER if f"{module}.".startswith(f"{name}.")), key=len)


def imported(path: Path) -> set[str]:
    """Dotted names; `from tasks.evaluate import gate` is of tasks.evaluate.gate."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found = [(node.module, alias.name) for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
    return plain | {f"{of}.{name}" if f"{of}.{name}" in MODULES else str(of) for of, name in found}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"flows", "tasks"}))
def test_a_module_imports_what_its_place_allows(module: str) -> None:
    names, own = imported(MODULES[module]), room(module)
    rooms = {room(other) for other in names & set(MODULES)}
    packages = {name.partition(".")[0] for name in names}
    above = {other for other in rooms if ORDER.index(other) < ORDER.index(own)}
    assert not above, f"{module} imports from {above}, which may import {own}"
    if own in STAGES and not module.endswith(".steps") and ".jobs" not in module:
        assert not rooms & (STAGES - {own} | {"tasks.execution"}), "only steps know other stages and the runner"
    if ".jobs." not in module and ".serving." not in module:
        assert not packages & MODEL_SIDE, "only jobs and what serves run in the model environment"
    if own.startswith("tasks.") and own != "tasks.execution":
        assert "prefect" not in packages, "only flows and tasks.execution know Prefect"


def test_there_is_no_circle() -> None:
    TopologicalSorter({name: imported(path) & set(MODULES) - {name} for name, path in MODULES.items()}).prepare()


def test_files_and_folders_stay_small() -> None:
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in FILES)
    assert lengths[-1] <= 250 and lengths[len(lengths) // 2] <= 120
    modules = [path.parent for path in FILES if path.stem != "__init__"]
    assert {folder.name for folder in modules if modules.count(folder) > 12} == set()


@pytest.mark.parametrize("room", sorted(name for name, path in MODULES.items() if path.stem == "__init__"))
def test_a_door_says_what_goes_in_and_out_and_nothing_else(room: str) -> None:
    (door,) = ast.parse(MODULES[room].read_text(encoding="utf-8")).body
    assert isinstance(door, ast.Expr) and isinstance(door.value, ast.Constant) and str(door.value.value).strip()


def test_command_line_steps_and_whatif_start_without_prefect_and_torch() -> None:
    steps = ", ".join(sorted(name for name in MODULES if name.endswith(".steps")))
    code = (
        f"import flows.cli.main, tasks.evolution.whatif, {steps}, sys; print({{'prefect', 'torch'}} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "set()"
