"""The command line: messages, exit codes, and what `show` prints of an evolution."""

import json
import sys
from pathlib import Path

import pytest

from flows.cli.main import main
from tasks.evaluate import gate
from tasks.evolution.ledger import Iteration, Ledger
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.home import Home
from tests.support.rows import seed

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("LANCE_HOME", str(tmp_path))
    return Home.here()


def lance(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["lance", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    code = stop.value.code
    assert isinstance(code, int)
    return code


def evolved(home: Home) -> None:
    """An evolution with one held iteration, as the flow leaves it."""
    store = Store(home.store)

    def artifact(stage: str, rows: int) -> Ref:
        spec = Spec(stage=stage, version=1)
        with store.draft(spec) as draft:
            draft.table("rows", [seed(f"Name river {i} of [Europe].") for i in range(rows)])
            draft.record |= {"counts": {"in": 5, "out": rows}, "rejected": {"too short": 5 - rows}, "seconds": 1.5}
        found = store.find(spec)
        assert found
        return found

    base = artifact("base-model", 1)
    iteration = Iteration(
        number=1,
        seeds=artifact("seeds", 4),
        champion_before=base,
        champion_after=base,
        candidate=None,
        verdict=gate.held(["no low seed: all 4 scores lie above split.threshold (2.00)"]),
        stages={"review [seeds]": artifact("review", 3)},
        recipe={},
        seconds=12.0,
        run="r",
    )
    Ledger(name="mine", model="m", base=base).put(iteration).save(home.ledger("mine"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evolve", "no-such-recipe"], "give a path to a YAML file or one of: demo"),
        (["evolve", "demo", "--set", "split.treshold=3"], "split.treshold"),
        (["evolve", "demo", "--set", "iterations=0"], "iterations"),
        (["evolve", "demo", "--set", "nonsense"], "expected key=value"),
        (["evolve", "demo", "--iterations", "0"], "--iterations"),
        (["plan", "demo", "--set", "seeds=~no-such-user/x.jsonl"], "~no-such-user/x.jsonl: "),
        (["plan", "demo", "--seeds", "~no-such-user/y.jsonl"], "~no-such-user/y.jsonl: "),
        (["show", "nobody"], "no evolution 'nobody'"),
        (["frobnicate"], "No such command"),
    ],
)
def test_bad_input_exits_with_2_and_says_what(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    assert lance(monkeypatch, *arguments) == 2
    said = capsys.readouterr()
    assert says in " ".join(said.err.split())
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.parametrize("command", [[], ["evolve"], ["show"], ["doctor"]])
def test_help_is_there(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert lance(monkeypatch, *command, "--help") == 0
    assert "--help" in capsys.readouterr().out


def test_show_prints_funnel_verdict_and_places(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evolved(home)
    assert lance(monkeypatch, "show", "mine") == 0
    said = capsys.readouterr().out
    assert "review [seeds]" in said  # and not eaten as markup
    assert "too short 2" in said
    assert "no low seed: all 4 scores lie above split.threshold (2.00)" in said
    assert str(home.ledger("mine")) in said


def test_show_as_json_is_json(home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    evolved(home)
    assert lance(monkeypatch, "show", "mine/1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"]["decision"], found["candidate"]) == ("hold", None)
    assert [row["rows_out"] for row in found["funnel"]] == [4, 3]


def test_show_prints_rows_readably(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evolved(home)
    assert lance(monkeypatch, "show", "mine", "--rows", "review [seeds]", "--limit", "2") == 0
    said = capsys.readouterr().out
    assert "Name river 1 of [Europe]." in said
    assert "Name river 2" not in said


@pytest.mark.parametrize(
    ("arguments", "says"), [(["mine", "--rows", "dpo"], "no stage 'dpo'; it has: seeds"), (["mine/7"], "it has: 1")]
)
def test_what_is_not_there_is_said_with_what_is(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    evolved(home)
    assert lance(monkeypatch, "show", *arguments) == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_row_is_explained_wherever_it_is(home: Home, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    evolved(home)
    row = seed("Name river 1 of [Europe].").id
    assert lance(monkeypatch, "explain", row) == 0
    shown = capsys.readouterr().out
    assert "Name river 1 of [Europe]." in shown
    assert "iteration 1: seeds, review [seeds]" in shown
    assert "no checkpoint was trained on it" in shown
    assert lance(monkeypatch, "explain", row, "--descendants", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["row"], found["descendants"], found["trained"]) == (row, [], {})


def test_an_unknown_row_says_where_ids_are_found(home: Home, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    evolved(home)
    assert lance(monkeypatch, "explain", "seed-0") == 2
    assert "prints rows with their ids" in capsys.readouterr().err.replace("\n", " ")
    assert lance(monkeypatch, "explain", "seed-0", "--evolution", "other") == 2
    assert "no evolution 'other'" in capsys.readouterr().err


def test_a_veto_is_kept_with_its_reason(home: Home, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    evolved(home)
    row = seed("Name river 1 of [Europe].").id
    assert lance(monkeypatch, "veto", "mine", row, "--why", "a joke") == 0
    assert lance(monkeypatch, "veto", "mine", row, "--why", "a joke") == 0
    assert "1 were vetoed already" in capsys.readouterr().out
    kept = json.loads(home.vetoes("mine").read() or "")
    assert (kept["row"], kept["why"], kept["iteration"]) == (row, "a joke", 2)
    assert lance(monkeypatch, "veto", "mine", "seed-0", "--why", "a joke") == 2


def test_a_plan_ends_with_2_where_something_stands_in_the_way(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert lance(monkeypatch, "plan", "demo", "--tokens-per-second", "50", "--price-per-hour", "2") == 0
    shown = capsys.readouterr().out
    assert "no problems found" in shown
    assert "at that price" in shown
    rates = ["--tokens-per-second", "50", "--read-tokens-per-second", "50", "--train-tokens-per-second", "50"]
    assert lance(monkeypatch, "plan", "demo", *rates, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    for kind, tokens in (("writing", "written_tokens"), ("reading", "read_tokens"), ("training", "trained_tokens")):
        assert found["hours"][kind] == pytest.approx(sum(stage[tokens] for stage in found["work"]) / 50 / 3600)
    assert lance(monkeypatch, "plan", "demo", "--set", "engine.context_tokens=300", "--json") == 2
    assert "engine.context_tokens is 300" in json.loads(capsys.readouterr().out)["problems"][0]


def test_a_server_that_does_not_answer_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert lance(monkeypatch, "evolve", "demo") == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "no Prefect server answers at PREFECT_API_URL=http://127.0.0.1:9/api: start it (`lance up`)" in said
    assert "Traceback" not in said
