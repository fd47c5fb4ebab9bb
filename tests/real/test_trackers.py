"""Trackers are told of an iteration once, by accelerate's own; read back with TensorBoard's own reader."""

import json
import subprocess
from pathlib import Path

import pytest

from tasks.engines.processes.platform import detect, model_python
from tasks.evaluate.gate import Axis, Verdict
from tasks.evolution.tracking import track
from tasks.execution.stage import Stages
from tasks.recipe.recipe import changed
from tests.real.test_benchmarks import WithChildren
from tests.real.test_iterate import RECIPE, run

READ = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = {}
for folder in sys.argv[1:]:
    events = EventAccumulator(folder); events.Reload()
    found |= {tag: [[e.step, round(e.value, 4)] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
print(json.dumps(found))
"""
AXIS = Axis(
    name="sums", ability=True, champion=0.2, candidate=0.25, change=0.05, low=0.0, high=0.1, floor=-0.05, ceiling=None,
    p=0.5, items=60,
)  # fmt: skip
VERDICT = Verdict(decision="promote", reasons=("better",), axes=(AXIS,), ability=(1.0, 0.5, 1.5), figures={"kl": 0.01})


def stages_of(folder: Path, *trackers: str) -> Stages:
    ran = run(folder / "store", "signals.use=[read]", "review.score=read")
    recipe = changed(RECIPE, [f"trackers=[{', '.join(trackers)}]"])
    runner = WithChildren(recipe=recipe, store=ran.stages.store, platform=detect(), work=folder / "work")
    found = Stages(runner, 1)
    found.made = dict(ran.stages.made)
    return found


def test_tensorboard_has_the_figures_of_the_iteration(tmp_path: Path) -> None:
    stages = stages_of(tmp_path, "tensorboard")
    assert track(stages, VERDICT, str(tmp_path / "trackers"))
    folders = sorted({str(path.parent) for path in (tmp_path / "trackers").rglob("events.*")})
    assert all("scripted/iteration-1" in folder for folder in folders), folders
    command = [str(model_python()), "-c", READ, *folders]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    assert found["sums"] == [[1, 0.25]]
    assert found["kl"] == [[1, 0.01]]
    assert (found["ability"], found["promoted"]) == ([[1, 1.0]], [[1, 1.0]])


def test_it_is_told_once(tmp_path: Path) -> None:
    stages = stages_of(tmp_path, "tensorboard")
    first = track(stages, VERDICT, str(tmp_path / "trackers"))
    written = sorted((tmp_path / "trackers").rglob("events.*"))
    assert track(stages, VERDICT, str(tmp_path / "trackers")) == first
    assert sorted((tmp_path / "trackers").rglob("events.*")) == written


def test_a_tracker_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trackers: mlflow is not installed"):
        track(stages_of(tmp_path, "mlflow"), VERDICT, str(tmp_path / "trackers"))


def test_without_trackers_nothing_is_told(tmp_path: Path) -> None:
    assert track(stages_of(tmp_path), VERDICT, str(tmp_path / "trackers")) is None
    assert not (tmp_path / "trackers").exists()
