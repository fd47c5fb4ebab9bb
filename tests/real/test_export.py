"""Export: a model and its data with cards that say what the records say, and no flawed text but as `rejected`."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.report.publish import Export, push
from tasks.engines.processes.platform import model_python
from tasks.evaluate.gate import Verdict
from tasks.evolution.ledger import Iteration, Ledger
from tasks.store.artifacts import Ref
from tasks.store.home import Home
from tasks.store.rows import Seed, Written
from tests.real.test_iterate import SEEDS, Ran, run

LOAD = """
import sys, json, datasets
found = {name: datasets.load_dataset(sys.argv[1], name, split="train") for name in ("sft", "preferences")}
print(json.dumps({name: [len(rows), rows.column_names, rows[0]["id"]] for name, rows in found.items()}))
"""


def ledger_of(*ran: Ran) -> Ledger:
    base = Ref(stage="base", fingerprint="f", digest="d")
    ledger, before = Ledger(name="mine", model="owner/base", base=base), base
    for number, one in enumerate(ran, 1):
        verdict = Verdict.model_validate(one.record("gate")["verdict"])
        after = one.candidate if one.candidate and verdict.decision == "promote" else before
        ledger = ledger.put(
            Iteration(
                number=number,
                seeds=one.stages.made["pool"],
                champion_before=before,
                champion_after=after,
                candidate=one.candidate,
                verdict=verdict,
                stages=one.stages.made,
                recipe=one.stages.recipe.model_dump(mode="json"),
                seconds=1.0,
                run="r",
            )
        )
        before = after
    return ledger


def two_iterations(home: Home) -> tuple[Ran, Ran]:
    settings = ("signals.use=[read]", "review.score=read", "gate.policy=paper", "evaluate.max_items=4")
    first = run(home.store, *settings)
    assert first.candidate
    grown = [first.stages.made["annotate"]]
    return first, run(home.store, *settings, number=2, champion=first.candidate, grown_from=grown)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Ledger, Sequence[Ran]]:
    home = Home(tmp_path_factory.mktemp("export"))
    ran = two_iterations(home)
    return home, ledger_of(*ran), ran


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / f"{name}.parquet").to_pylist())


def test_the_data_is_what_was_trained_on_with_where_it_comes_from(
    two: tuple[Home, Ledger, Sequence[Ran]], tmp_path: Path
) -> None:
    home, ledger, (_, second) = two
    Export(home, ledger, 2).data(tmp_path / "data")
    sft, pairs = rows(tmp_path / "data", "sft"), rows(tmp_path / "data", "preferences")
    counts = second.record("mix")["counts"]
    assert (len(sft), len(pairs)) == (counts["written"], counts["pairs"])
    known = {seed.id: seed.source for seed in SEEDS}
    own = [row for row in sft if row["iteration"] == 1]
    assert own and all(known[row["seed"]] == row["seed_source"] for row in own)
    assert {row["iteration"] for row in sft} == {1, 2}
    assert all(0 <= row["score"] <= 10 and row["parents"] for row in sft)
    assert all(row["seed_source"] for row in pairs if row["seed"] in known)


def test_a_flawed_text_leaves_only_as_rejected(two: tuple[Home, Ledger, Sequence[Ran]], tmp_path: Path) -> None:
    home, ledger, ran = two
    Export(home, ledger, 2).data(tmp_path / "data")
    flawed = {row.response for one in ran for row in one.rows("clean [flawed]", Written) if row.flaw}
    sft, pairs = rows(tmp_path / "data", "sft"), rows(tmp_path / "data", "preferences")
    assert flawed & {pair["rejected"] for pair in pairs}
    assert not flawed & {row["response"] for row in sft}
    assert not flawed & {pair["chosen"] for pair in pairs}


def test_datasets_reads_it(two: tuple[Home, Ledger, Sequence[Ran]], tmp_path: Path) -> None:
    home, ledger, _ = two
    Export(home, ledger, 2).data(tmp_path / "data")
    command = [str(model_python()), "-c", LOAD, str(tmp_path / "data")]
    environment = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
    found = json.loads(done.stdout.splitlines()[-1])
    for name in ("sft", "preferences"):
        expected = rows(tmp_path / "data", name)
        assert found[name] == [len(expected), list(expected[0]), expected[0]["id"]]


def test_the_cards_say_what_the_records_say(two: tuple[Home, Ledger, Sequence[Ran]], tmp_path: Path) -> None:
    home, ledger, (_, second) = two
    it = Export(home, ledger, 2)
    it.model(tmp_path / "model")
    it.data(tmp_path / "data")
    card = (tmp_path / "model" / "README.md").read_text()
    verdict = ledger.iterations[1].verdict
    assert f"**{verdict.decision}**" in card and "base_model: owner/base" in card
    for axis in verdict.axes:
        assert f"| {axis.title} | {' | '.join(axis.shown)} | {axis.items} |" in card
    assert f"leaked rows: {verdict.figures['leaked_rows']:.3g}" in card
    card = (tmp_path / "data" / "README.md").read_text()
    counts = second.record("mix")["counts"]
    assert f"| `sft` | {counts['written']} |" in card and f"| `preferences` | {counts['pairs']} |" in card


def test_the_weights_are_those_of_the_store_and_the_record_stays(
    two: tuple[Home, Ledger, Sequence[Ran]], tmp_path: Path
) -> None:
    home, ledger, (_, second) = two
    assert second.candidate
    Export(home, ledger, 2).model(tmp_path / "model")
    stored = home.store / second.candidate.stage / second.candidate.fingerprint
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"README.md", "model.safetensors"}
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == (stored / "model.safetensors").read_bytes()


def test_without_a_number_it_is_the_champion(two: tuple[Home, Ledger, Sequence[Ran]]) -> None:
    home, ledger, _ = two
    assert Export(home, ledger, None).weights == ledger.champion


def test_what_cannot_be_exported_is_refused(two: tuple[Home, Ledger, Sequence[Ran]], tmp_path: Path) -> None:
    home, ledger, (first, _) = two
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="expected a new or empty folder to export into"):
        Export(home, ledger, 2).model(tmp_path / "full")
    with pytest.raises(ValueError, match="iteration 0 has no training data"):
        Export(home, ledger.model_copy(update={"iterations": []}), None).data(tmp_path / "data")
    copy = Home(tmp_path / "copy")
    shutil.copytree(home.root, copy.root)
    assert first.candidate
    (copy.store / first.candidate.stage / first.candidate.fingerprint / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ValueError, match="missing or altered; the same `lance evolve` recomputes it"):
        Export(copy, ledger, 1).model(tmp_path / "model")


def test_nothing_is_pushed_without_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(ValueError, match="set HF_TOKEN in the environment"):
        push(tmp_path, "owner/name", "model")


def test_seeds_that_were_trained_on_are_said_to_be_given(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    ran = run(home.store, "branches=[]", "mix.human_share=1", "gate.policy=paper")
    Export(home, ledger_of(ran), 1).data(tmp_path / "data")
    found = rows(tmp_path / "data", "sft")
    assert {row["origin"] for row in found} == {"given"}
    assert {row["seed_source"] for row in found} == {seed.source for seed in ran.rows("pool", Seed)}
    assert not (tmp_path / "data" / "preferences.parquet").exists()
