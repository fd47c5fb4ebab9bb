"""An evolution as frames and as files, from a store with one iteration."""

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.report.frames import Results
from tasks.store.home import Home
from tests.support.old_store import unpacked


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return unpacked(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def results(home: Home) -> Results:
    (name,) = home.evolutions
    return Results.of(name, home)


def test_iterations_and_axes_are_those_of_the_ledger(results: Results) -> None:
    (one,) = results.ledger.iterations
    (row,) = results.iterations().to_dict("records")
    assert (row["iteration"], row["decision"]) == (1, one.verdict.decision)
    assert row["candidate"] == one.candidate.digest if one.candidate else row["candidate"] is None
    axes = results.axes()
    assert list(axes["name"]) == [axis.name for axis in one.verdict.axes]
    assert ((axes["low"] <= axes["change"]) & (axes["change"] <= axes["high"])).all()


def test_the_funnel_adds_up(results: Results) -> None:
    funnel = results.funnel().set_index("stage")
    assert set(results.ledger.iterations[0].stages) <= set(funnel.index)
    rejected = funnel.filter(like="rejected: ").sum().sum()
    assert rejected > 0
    assert len(results.rejects()) >= rejected


def test_rows_are_those_of_the_store_with_their_place(results: Results) -> None:
    seeds = results.rows("seeds")
    assert (seeds["in_iteration"] == 1).all() and (seeds["in_stage"] == "seeds").all()
    ref = results.ledger.iterations[0].seeds
    assert len(seeds) == results.store.record(ref)["rows"]["rows"]
    held_out = results.rows("seeds", table="held_out")
    assert not set(held_out["id"]) & set(seeds["id"])
    scores = results.scores()
    assert set(scores["in_stage"]) == {
        stage for stage in results.ledger.iterations[0].stages if stage.startswith("review [")
    }
    assert set(scores[scores["in_stage"] == "review [seeds]"]["item"]) <= set(results.rows("pool")["id"])


def test_one_iteration_may_be_asked_for_alone(results: Results) -> None:
    (one,) = results.ledger.iterations
    two = results.ledger.model_copy(update={"iterations": [one, one.model_copy(update={"number": 2})]})
    both = Results(two, results.store)
    assert list(both.rows("seeds")["in_iteration"].unique()) == [1, 2]
    for found in (both.rows("seeds", 2), both.rejects(2), both.scores(2)):
        assert len(found) and (found["in_iteration"] == 2).all()
    for frame in (both.funnel(2), both.axes(2)):
        assert len(frame) and (frame["iteration"] == 2).all()


@pytest.mark.parametrize(
    ("stage", "more", "says"),
    [
        ("sed", {}, "no stage 'sed'; it has: seeds,"),
        ("seeds", {"table": "x"}, "seeds: no table x; it has: .*held_out"),
        ("seeds", {"iteration": 2}, "has no iteration 2; it has: 1"),
        ("gate", {}, "gate: no table of rows; it has: none"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    results: Results, stage: str, more: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        results.rows(stage, **more)  # type: ignore[arg-type]


def test_an_evolution_that_is_not_there_is_named(home: Home) -> None:
    with pytest.raises(ValueError, match=r"no evolution 'none' in .*; known: "):
        Results.of("none", home)


def test_the_command_writes_them_for_other_programs(
    results: Results, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANCE_HOME", str(home.root))
    name, wanted = results.ledger.name, results.rows("seeds")

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["rows", name, *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    lines = [json.loads(line) for line in said("seeds").splitlines()]
    assert [line["id"] for line in lines] == list(wanted["id"])
    table = list(csv.DictReader(io.StringIO(said("seeds", "--format", "csv"))))
    assert [row["instruction"] for row in table] == list(wanted["instruction"])
    assert json.loads(table[0]["history"]) == []
    said("seeds", "--format", "parquet", "--out", str(tmp_path / "seeds.parquet"))
    assert list(pd.read_parquet(tmp_path / "seeds.parquet")["id"]) == list(wanted["id"])
    with pytest.raises(ValueError, match="--format parquet: expected a file"):
        said("seeds", "--format", "parquet")
    with pytest.raises(ValueError, match="found the iteration 'x'"):
        CliRunner().invoke(app, ["rows", f"{name}/x", "seeds"], catch_exceptions=False)
