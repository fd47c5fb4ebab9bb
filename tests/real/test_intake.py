"""What is measured on may come from a file of its own: then no share of the seeds is, and no seed is one of its."""

import json
from pathlib import Path

import pytest

from tasks.engines.processes.platform import detect
from tasks.execution.offline import Offline
from tasks.execution.stage import Stages
from tasks.recipe.recipe import changed
from tasks.seeds.steps import only_added, take_in_seeds
from tasks.store.artifacts import Store
from tasks.store.rows import Rejected, Seed


def reading(folder: Path, seeds: Path, held_out: str | None, *settings: str) -> Stages:
    recipe = changed({"name": "x", "seeds": str(seeds), "held_out": held_out}, settings)
    return Stages(Offline(recipe=recipe, store=Store(folder / "store"), platform=detect()), 0)


def lines(path: Path, *instructions: str) -> Path:
    path.write_text("".join(json.dumps({"prompt": text, "response": "It is so."}) + "\n" for text in instructions))
    return path


def test_what_is_measured_on_may_come_from_a_file_of_its_own(tmp_path: Path) -> None:
    seeds = lines(tmp_path / "seeds.jsonl", *(f"Question {n}" for n in range(20)), "Which  RIVER is it?")
    apart = lines(tmp_path / "apart.jsonl", "Which river is it?", "What is that?", "What is that?")

    stages = reading(tmp_path, seeds, str(apart))
    ref = take_in_seeds(stages)
    found = {table: stages.store.rows(ref, Seed, table) for table in ("rows", "held_out", "anchors")}
    assert [seed.instruction for seed in found["held_out"]] == ["Which river is it?", "What is that?"]
    worked_on = {seed.instruction for seed in found["rows"] + found["anchors"]}
    assert worked_on == {f"Question {n}" for n in range(20)}
    rejects = {(one.row, one.rule) for one in stages.store.rows(ref, Rejected, "rejects")}
    assert rejects == {("seeds.jsonl:21", "measured_on"), ("apart.jsonl:3", "duplicate")}
    record = stages.store.record(ref)
    assert record["rejected"] == {"measured_on": 1}
    assert record["held_out"] | {"source": ""} == {"source": "", "in": 3, "rejected": {"duplicate": 1}}

    lines(apart, "What is that?", "And this?")
    again = take_in_seeds(stages)
    assert [seed.instruction for seed in stages.store.rows(again, Seed, "held_out")] == ["What is that?", "And this?"]


def test_a_file_to_measure_on_that_is_not_there_is_named(tmp_path: Path) -> None:
    seeds = lines(tmp_path / "seeds.jsonl", "One?", "Two?")
    with pytest.raises(ValueError, match=r"held_out no/such.jsonl: no such file or folder"):
        take_in_seeds(reading(tmp_path, seeds, "no/such.jsonl"))


KNOWING = [
    {"prompt": f"How much is {n} and 1?", "response": f"It is {n + 1}.", "answer": str(n + 1)} for n in range(30)
]
OTHER = {"prompt": "How much is 50 and 1?", "response": "It is 51.", "answer": "51"}
CORRECTED = [one | {"answer": "7"} for one in KNOWING]
UNKNOWING = [{key: one[key] for key in ("prompt", "response")} for one in KNOWING]


@pytest.mark.parametrize(
    ("now", "added"),
    [([*KNOWING, OTHER], True), (KNOWING[::-1], True), (CORRECTED, False), (UNKNOWING, False), (KNOWING[1:], False)],
    ids=["one more", "another order", "other answers", "no answers", "one less"],
)
def test_seeds_that_were_changed_or_taken_out_are_told_from_those_that_were_added(
    tmp_path: Path, now: list[dict[str, str]], added: bool
) -> None:
    file = tmp_path / "seeds.jsonl"
    stages = reading(tmp_path, file, None)
    refs = []
    for rows in (KNOWING, now):
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        refs.append(take_in_seeds(stages))
    assert only_added(stages.store, *refs) == added


def test_where_no_seed_knows_what_is_right_nothing_is_written_first(tmp_path: Path) -> None:
    seeds = lines(tmp_path / "seeds.jsonl", "One?", "Two?", "Three?")
    with pytest.raises(
        ValueError, match=r"seeds\.jsonl: verify\.ways has `given`, and no seed that is worked on knows what"
    ):
        take_in_seeds(reading(tmp_path, seeds, None, "verify.ways=[given]"))
