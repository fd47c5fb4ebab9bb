"""The plan: requests as the stages will make them, what memory they take, and what stands in the way."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from flows.plan.checks import Checks
from flows.plan.estimate import plan
from flows.plan.forecast import workload
from flows.plan.memory import disk_gib, memory_gib
from flows.plan.model_shape import OF_THE_DEFAULT, ModelShape, shape_of
from flows.plan.workload import Given, Rates
from tasks.recipe.recipe import Recipe, load
from tasks.store.home import Home
from tests.support.malformed.others import MODELS, WHOLE

RECIPE = "tests/support/recipes/reviewed.yaml"
QWEN2_7B = ModelShape(7_615_616_512, layers=28, hidden=3584, intermediate=18944, kv_width=512, vocabulary=152064)


def planned(  # type: ignore[no-untyped-def]
    recipe: Recipe,
    folder: Path,
    rates: Rates | None = None,
    price: float | None = None,
    gpu_memory_gib: float | None = None,
):
    return plan(recipe, Home(folder), rates=rates, price=price, gpu_memory_gib=gpu_memory_gib)


def test_the_papers_iteration_is_what_the_paper_reports() -> None:
    paper = load("paper-qwen2-7b", ["reading.held_out_share=0", "reading.anchor_share=0"])  # ours, not the paper's
    stages = [one for one in workload(paper, Given(3000)) if one.texts]
    found = {one.stage: one.texts for one in stages}
    assert found == {
        "signals [seeds]": 9000,
        "write [instructions]": 6000,
        "write [answers]": 24000,
        "write [flawed]": 6000,
        "signals [written]": 90000,
    }
    assert sum(found.values()) == 135_000  # about 135,000 completions, 73% of them reviews
    assert (found["signals [seeds]"] + found["signals [written]"]) / 135_000 == pytest.approx(0.733, abs=0.001)
    assert sum(one.written_tokens for one in stages) == 135_000 * 512


@pytest.mark.parametrize(
    ("settings", "absent"),
    [
        (["branches=[sft]"], "write [flawed]"),
        (["branches=[sft]"], "dpo"),
        (["branches=[preference]"], "write [answers]"),
        (["branches=[preference]"], "sft"),
        (["branches=[]", "mix.human_share=1"], "signals [seeds]"),
        (["branches=[]", "mix.human_share=1"], "signals [anchors]"),
        (["review.score=random", "signals.use=[]"], "write [anchors]"),
    ],
)
def test_what_is_off_is_not_counted(settings: list[str], absent: str) -> None:
    everything = [one.stage for one in workload(load(RECIPE), Given(100))]
    assert absent in everything
    assert absent not in [one.stage for one in workload(load(RECIPE, settings), Given(100))]


def test_memory_by_part() -> None:
    recipe = load("paper-qwen2-7b")
    found = memory_gib(recipe, QWEN2_7B, served_bytes=2, cuda=True)
    assert found["engine: weights"] == pytest.approx(14.2, abs=0.1)
    assert found["trainer: weights"] == pytest.approx(28.4, abs=0.1)  # float32
    assert found["trainer: LoRA with gradient and optimizer"] == pytest.approx(20_185_088 * 16 / 2**30, rel=1e-3)
    assert memory_gib(load("paper-qwen2-7b", ["dpo.reference=base"]), QWEN2_7B, 2, True)[
        "trainer: weights"
    ] == pytest.approx(56.7, abs=0.2)
    # the starting model, M_0, four iterations, and what DPO starts from
    assert disk_gib(recipe, QWEN2_7B) == pytest.approx(7 * 28.4, abs=1)


def test_a_folders_shape_is_read_from_its_headers(tmp_path: Path) -> None:
    tensors = {"a": {"shape": [3, 4], "data_offsets": [0, 48]}, "b": {"shape": [5], "data_offsets": [48, 68]}}
    header = json.dumps({"__metadata__": {}} | tensors).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 68)
    config = {"num_attention_heads": 4, "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 9}
    (tmp_path / "config.json").write_text(json.dumps(config | {"vocab_size": 11, "num_key_value_heads": 2}))
    assert shape_of(str(tmp_path)) == ModelShape(17, layers=2, hidden=64, intermediate=9, kv_width=32, vocabulary=11)
    assert shape_of("smollm2-135m-instruct") == OF_THE_DEFAULT


@pytest.mark.parametrize("name", MODELS)
def test_of_a_folder_that_is_no_model_the_plan_says_so(tmp_path: Path, name: str) -> None:
    for file, content in (WHOLE | MODELS[name]).items():
        if content is not None:
            (tmp_path / file).write_bytes(content)
    found = planned(load("demo", [f"model={tmp_path}"]), tmp_path)
    assert any(problem.startswith(f"model {tmp_path}: ") for problem in found.problems), found.problems


def test_nothing_stands_in_the_shipped_recipes_way(tmp_path: Path) -> None:
    for name in ("demo", "robust", "random-scores", "self-instruct", "seed-sft"):
        found = planned(load(name), tmp_path)
        assert found.problems == [], name
        assert found.seeds == 80


@pytest.mark.parametrize(
    ("settings", "more", "says"),
    [
        (["seeds=./nowhere.jsonl"], {}, "seeds ./nowhere.jsonl: no such file"),
        (["held_out=./nowhere.jsonl"], {}, "held_out ./nowhere.jsonl: no such file"),
        (["model=./nowhere"], {}, "model ./nowhere: no such folder"),
        (["review.weights.expret=4"], {}, "review.weights: no principle expret"),
        (["verify.ways=[given]"], {}, "verify.ways has `given`, and no seed that is worked on knows what is right"),
        (["reading.max_rows=12"], {}, "calibration: about 3 of 12 seeds"),
        (["engine.context_tokens=512"], {}, "engine.context_tokens is 512"),
        (["iterations=100000"], {}, "disk: "),
        ([], {"gpu_memory_gib": 0.4}, "trainer: "),
        (
            ["evaluate.benchmarks=[{task: choices, data: no.jsonl}]"],
            {},
            "benchmark choices: data no.jsonl: no such file",
        ),
        (["evaluate.benchmarks=[{task: my/own.yaml}]"], {}, "benchmark own: task my/own.yaml: no such file"),
        (["evaluate.benchmarks=[{task: choices}, {task: choices}]"], {}, "evaluate.benchmarks: two have the same"),
    ],
)
def test_what_stands_in_the_way_is_said(tmp_path: Path, settings: list[str], more: dict[str, Any], says: str) -> None:
    found = planned(load(RECIPE, settings), tmp_path, **more)
    assert [line for line in found.problems if line.startswith(says) or says in line]


def test_a_target_is_forecast_up_to_its_candidates() -> None:
    recipe = load(RECIPE, ["target.candidates=1000"])
    written = [
        one.texts for one in workload(recipe, Given(80)) if one.stage.startswith("write") and "anchors" not in one.stage
    ]
    assert sum(written) == pytest.approx(1000, abs=2)


def test_an_empty_file_of_seeds_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "seeds.jsonl").write_text("")
    found = planned(load(RECIPE, [f"seeds={tmp_path / 'seeds.jsonl'}"]), tmp_path)
    assert any("seeds.jsonl" in problem for problem in found.problems)


def test_rows_too_long_to_train_on_are_left_open(tmp_path: Path) -> None:
    (tmp_path / "seeds.jsonl").write_text(json.dumps({"prompt": "word " * 300, "response": "Yes."}) + "\n")
    found = planned(load(RECIPE, [f"seeds={tmp_path / 'seeds.jsonl'}", "reading.anchor_share=0"]), tmp_path)
    assert any("602 tokens, sft.max_tokens is 384" in line for line in found.unknown)


def test_hours_and_money_are_those_of_all_iterations(tmp_path: Path) -> None:
    recipe, rates = load(RECIPE), Rates.of(10)
    found, given = planned(recipe, tmp_path, rates, price=2.0), Checks(recipe).given
    each = [rates.hours(workload(recipe, given, number)) for number in (1, 2, 3)]
    assert found.hours == pytest.approx({kind: sum(one[kind] for one in each) for kind in each[0]})
    assert found.all_hours == pytest.approx(sum(found.hours.values()))
    assert found.money == pytest.approx(2 * found.all_hours)
    assert planned(load(RECIPE), tmp_path).all_hours is None


def test_benchmarks_that_are_not_here_are_left_open(tmp_path: Path) -> None:
    found = planned(
        load(
            RECIPE,
            ["evaluate.benchmarks=[{task: tests/support/benchmarks/sum.yaml, name: s}, {task: gsm8k}, {task: mmlu}]"],
        ),
        tmp_path,
    )
    assert "what gsm8k, mmlu ask: their items are not on this machine, and are not counted" in found.unknown
    assert [one["texts"] for one in found.work if str(one["stage"]).startswith("benchmarks")] == [60, 60]


def test_held_out_seeds_of_their_own_are_counted(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"prompt": "Say it.", "response": "It is said."}\n')
    found = planned(load(RECIPE, [f"held_out={tmp_path / 'mine.jsonl'}"]), tmp_path)
    assert [one["texts"] for one in found.work if str(one["stage"]).startswith("evaluate")] == [1, 1]


def test_digits_that_are_no_single_tokens_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps(
            dict.fromkeys(("num_attention_heads", "hidden_size", "num_hidden_layers", "intermediate_size"), 1)
            | {"vocab_size": 1}
        )
    )
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {str(n): n for n in range(9)}}}))
    recipe = load("demo", [f"model={tmp_path}", "signals.use=[likelihood, read]"])
    problems = planned(recipe, tmp_path).problems
    assert [problem for problem in problems if problem.startswith("signal `read`: 9 is no single token")]


def test_seeds_with_answers_are_enough_for_given_questions(tmp_path: Path) -> None:
    rows = [{"question": f"What is {n} and 2?", "answer": f"#### {n + 2}"} for n in range(40)]
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = planned(
        load("verified-math", [f"seeds={tmp_path / 'seeds.jsonl'}", "model=smollm2-135m-instruct"]), tmp_path
    )
    assert found.problems == []
