"""The whole loop with real parts on a tiny model: killed six times, cached, repaired, continued."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.store.home import ROOT
from tests.support.endpoint import Endpoint
from tests.support.evolution import OWN_ENGINE, Evolution
from tests.support.processes import command_line, wait_until, wait_until_gone

SHARD = 4  # engine.shard_requests and engine.in_flight in tests/support/recipes/tiny.yaml
WRITTEN = ("anchors", "write-instructions", "write-answers", "write-flawed", "write-ordinary", "signals", "retest")
STAGES = (*WRITTEN, "evaluate", "benchmark-replies")


@dataclass
class Killed:
    """An evolution that was killed six times, twice with its own engine, and then ended; what was seen on the way."""

    evolution: Evolution
    seconds_until_gone: dict[str, float]
    asked_again: dict[str, int]
    summary: dict[str, Any]


@pytest.fixture(scope="module")
def killed(tiny_model: Path, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("evolution")
    seeds = folder / "seeds.jsonl"
    everyday = (ROOT / "deployments" / "seeds" / "everyday.jsonl").read_text().splitlines(keepends=True)
    seeds.write_text("".join(everyday[:24]))
    it = Evolution(folder / "home", tiny_model, seeds, endpoint=endpoint)
    gone: dict[str, float] = {}
    again: dict[str, int] = {}

    def kill(what: str, when: Callable[[], object], *more: str) -> None:
        answered, kept = it.answered(), it.kept_answers(STAGES)
        gone[what] = it.run_and_kill(when, what, *more)
        # What this run was answered and kept neither in a shard nor in a journal has to be asked again.
        again[what] = (it.answered() - answered) - (it.kept_answers(STAGES) - kept)

    kill("generation", lambda: len(it.artifacts("write-answers-shard")) >= 1, *OWN_ENGINE)
    before = len(it.artifacts("signals-shard"))
    kill("second review", lambda: len(it.artifacts("signals-shard")) > before)
    kill("sft", lambda: it.working("sft-*/checkpoints/checkpoint-*/trainer_state.json"))
    kill("dpo", lambda: it.working("dpo-*/checkpoints/checkpoint-*/trainer_state.json"))
    measured = len(it.artifacts("evaluate-shard"))
    kill("evaluation of the candidate", lambda: len(it.artifacts("evaluate-shard")) > measured, *OWN_ENGINE)
    measured = len(it.artifacts("benchmark-replies-shard"))
    kill("its benchmarks", lambda: len(it.artifacts("benchmark-replies-shard")) > measured)
    return Killed(it, gone, again, it.run())


def test_killed_six_times_it_ends_well(killed: Killed) -> None:
    assert killed.summary["verdict"]["decision"] in ("promote", "hold")
    assert killed.summary["verdict"]["axes"]
    labels = [row["label"] for row in killed.summary["funnel"]]
    assert labels[:2] == ["seeds", "benchmark items"]
    measured = ["sft", "dpo", "divergence", "evaluate [candidate]", "benchmarks [candidate]", "scores [candidate]"]
    assert labels[-11:-5] == measured
    assert labels[-2:] == ["judge [candidate]", "gate"]
    abilities = [axis["name"] for axis in killed.summary["verdict"]["axes"] if axis["ability"]]
    assert abilities == ["log_likelihood", "preference", "choices", "sum"]


def test_the_champion_and_the_report_are_there_for_people(killed: Killed) -> None:
    folder = killed.evolution.home / "evolutions" / "tiny"
    champion = json.loads((folder / "champion.json").read_text())
    assert champion["path"] == killed.summary["champion"]
    assert "</html>" in (folder / "report.html").read_text()


def test_no_process_is_left_within_seconds_of_each_kill(killed: Killed) -> None:
    print(killed.seconds_until_gone)
    assert max(killed.seconds_until_gone.values()) < 10
    assert killed.evolution.processes() == []


def test_at_most_one_shard_is_asked_again_at_each_kill(killed: Killed) -> None:
    print(killed.asked_again)
    assert len(killed.evolution.artifacts("write-answers-shard")) >= 4
    # Together up to each kill: an engine's last lines may reach its log only when the next run is counted already.
    up_to_each = accumulate(killed.asked_again.values())
    assert all(requests <= SHARD * kills for kills, requests in enumerate(up_to_each, 1))
    unique = killed.evolution.kept_answers(STAGES)
    assert unique <= killed.evolution.answered() <= unique + len(killed.asked_again) * SHARD


def test_no_row_stands_twice(killed: Killed) -> None:
    counts = killed.evolution.ids()
    assert len(counts) > 100
    assert [row for row, count in counts.items() if count > 1] == []


def test_training_went_on_from_its_checkpoint_and_moved_every_weight(killed: Killed) -> None:
    for method in ("sft", "dpo"):
        (path,) = killed.evolution.artifacts(method)
        record = json.loads((path / "record.json").read_text())
        assert record["moved"] > 0
        assert record["loss"]["after"] < record["loss"]["before"]
        steps = [entry["step"] for entry in record["curve"]]
        assert steps == list(range(1, len(steps) + 1)), "each step once, those before the kill among them"


def test_nothing_is_left_under_way(killed: Killed) -> None:
    assert list((killed.evolution.home / "work").iterdir()) == []


def test_again_everything_is_cached_and_no_engine_starts(killed: Killed) -> None:
    starts = killed.evolution.engine_starts()
    assert killed.evolution.run(*OWN_ENGINE)["verdict"] == killed.summary["verdict"]
    assert killed.evolution.engine_starts() == starts
    states = killed.evolution.task_states()
    assert len(states) == len(killed.summary["funnel"]) - 2  # seeds and benchmarks' items belong to the flow above
    assert set(states.values()) == {"Cached"}


def alter(artifact: Path) -> None:
    """One bit of its rows."""
    content = bytearray((artifact / "rows.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (artifact / "rows.parquet").write_bytes(content)


def test_an_altered_byte_and_a_deleted_artifact_are_found_and_made_again(killed: Killed) -> None:
    it, answered = killed.evolution, killed.evolution.answered()
    (answers,) = it.artifacts("write-answers")
    alter(answers)
    shutil.rmtree(killed.summary["data"]["clean [answers]"])
    summary, states = it.run(), it.task_states()
    anew = {name for name, state in states.items() if state == "Completed"}
    assert anew == {"write [answers]", "clean [answers]"}
    assert it.answered() == answered, "what stands in shards is not asked again"
    assert summary["data"] == killed.summary["data"]


@pytest.mark.long
def test_lost_answers_are_asked_again(killed: Killed) -> None:
    it, answered = killed.evolution, killed.evolution.answered()
    (answers,) = it.artifacts("write-answers")
    alter(answers)
    shutil.rmtree(it.home / "store" / "write-answers-shard")
    summary, states = it.run(), it.task_states()
    assert it.answered() > answered
    assert (states["write [answers]"], states["write [instructions]"]) == ("Completed", "Cached")
    assert [ref for ref in summary["data"].values() if not (Path(ref) / "record.json").exists()] == []


@pytest.mark.long
def test_another_threshold_of_annotate_asks_for_no_new_text(killed: Killed) -> None:
    it = killed.evolution
    texts = [stage for stage in WRITTEN if stage.startswith("write")]
    written = {stage: it.artifacts(stage) for stage in texts}
    summary = it.run("--set", "annotate.sft_keep.quantile=0.6")
    assert {stage: it.artifacts(stage) for stage in texts} == written
    states = it.task_states()
    assert (states["signals [written]"], states["write [answers]"]) == ("Cached", "Cached")
    assert (states["annotate"], states["sft"]) == ("Completed", "Completed")
    ledger = json.loads((it.home / "evolutions" / "tiny" / "ledger.json").read_text())
    assert len(ledger["iterations"]) == 1
    assert ledger["superseded"], "the first result is kept"
    assert ledger["iterations"][0]["verdict"] == summary["verdict"]


def test_other_weights_and_thresholds_are_tried_without_a_model(killed: Killed) -> None:
    it = killed.evolution
    starts = it.engine_starts()
    settings = ["--set", "review.weights.expert=9", "--set", "split.threshold.quantile=0.2"]
    done = it.ask("whatif", "tiny", *settings, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    counts = {change["what"]: (change["now"], change["then"]) for change in found["changes"]}
    assert counts["low seeds"][0] > counts["low seeds"][1] > 0
    assert found["unwritten"] > 0
    assert found["thresholds"]["V"][0] != found["thresholds"]["V"][1]
    refused = it.ask("whatif", "tiny", "--set", "anchors.draws=2")
    assert (refused.returncode, "would have to be called" in refused.stderr) == (2, True)
    assert it.engine_starts() == starts


def test_a_pair_is_explained_back_to_a_given_seed_and_forth_to_its_checkpoint(killed: Killed) -> None:
    it = killed.evolution
    data = json.loads(it.ask("show", "tiny", "--json").stdout)["data"]
    pair = pq.read_table(Path(data["annotate"]) / "pairs.parquet").to_pylist()[0]
    back = json.loads(it.ask("explain", pair["id"], "--json").stdout)
    seed = next(one for one in back["ancestors"] if one["row"] == pair["seed"])
    assert seed["fields"]["origin"] == "given"
    assert {one["row"].partition("-")[0] for one in back["ancestors"]} == {"seed", "written", "review", "signals"}
    assert back["trained"] == {"iteration 1, dpo": data["dpo"]}
    forth = json.loads(it.ask("explain", pair["seed"], "--descendants", "--json").stdout)
    assert pair["id"] in {one["row"] for one in forth["descendants"]}


def test_the_next_iteration_has_other_samples_and_outlives_its_engine(killed: Killed) -> None:
    it = killed.evolution
    before, starts = len(it.artifacts("write-answers-shard")), it.engine_starts()
    with it.started(*OWN_ENGINE, "--continue", "--set", "annotate.sft_keep.quantile=0.6") as run:
        wait_until(lambda: len(it.artifacts("write-answers-shard")) > before, 240, "the second iteration writes")
        supervisor = next(p for p in it.processes() if "supervisor.py" in command_line(p) and "vllm" in command_line(p))
        supervisor.children()[0].kill()  # the API server itself; its engine core is left to the supervisor
        assert run.wait(600) == 0
    wait_until_gone(it.processes, 15)
    assert it.engine_starts() == starts + 2  # the dead one, and the one after it, which the candidate is loaded into
    ledger = json.loads((it.home / "evolutions" / "tiny" / "ledger.json").read_text())
    assert [one["number"] for one in ledger["iterations"]] == [1, 2]
    first, second = (
        {row["instruction"] for row in pq.read_table(path / "rows.parquet").to_pylist()}
        for path in sorted(it.artifacts("write-instructions"), key=lambda path: path.stat().st_mtime)
    )
    assert not first & second
