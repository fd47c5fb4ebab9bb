"""Write: as many calls as asked for, each its own, and rows that know where they come from."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from tasks.engines.calls import Call
from tasks.recipe.data import WriteConfig
from tasks.store.rows import Seed, Written
from tasks.text.flaws import FLAWS
from tasks.text.prompts.templates import examples
from tasks.write.writers import WRITERS, AnswerWriter, FlawedWriter, InstructionWriter, OrdinaryWriter, Writer, tidy
from tests.support.rows import MODEL, answer, seed, written

CONFIG = WriteConfig(
    instructions_per_low_seed=2, answers_per_instruction=3, flawed_per_high_seed=5, ordinary_per_high_seed=2
)
SEEDS = [seed(f"Name {n} rivers.") for n in range(3)]
NEW = [written(SEEDS[0], instruction=f"Name {n} lakes.", draw=n) for n in range(2)]
KINDS: list[tuple[type[Writer], Sequence[Any], int]] = [
    (InstructionWriter, SEEDS, 2),
    (AnswerWriter, NEW, 3),
    (FlawedWriter, SEEDS, 5),
    (OrdinaryWriter, SEEDS, 2),
]


def writer(kind: type[Writer], iteration: int = 1, evolution_seed: int = 1, config: WriteConfig = CONFIG) -> Writer:
    return kind(config, MODEL, iteration, evolution_seed)


def asked_and_written(kind: type[Writer], rows: Sequence[Any]) -> tuple[list[Call], list[Written]]:
    calls = writer(kind).calls(rows)
    answers = [answer(call, f" {call.row} \n", finish="length") for call in calls]
    return calls, writer(kind).rows(rows, calls, answers)


def test_the_stages_know_all_writers() -> None:
    assert set(WRITERS.values()) == {kind for kind, _, _ in KINDS}


@pytest.mark.parametrize(("kind", "rows", "each"), KINDS)
def test_there_are_as_many_calls_as_asked_for_each_with_its_own_seed(
    kind: type[Writer], rows: Sequence[Any], each: int
) -> None:
    calls = writer(kind).calls(rows)
    assert [call.row for call in calls] == [f"{row.id}/{draw}" for row in rows for draw in range(each)]
    assert len({call.seed for call in calls}) == len({call.key for call in calls}) == len(calls)
    assert {call.kind for call in calls} == {"write"}


@pytest.mark.parametrize(("kind", "rows", "each"), KINDS)
def test_the_same_draw_comes_again_and_another_iteration_or_evolution_gives_others(
    kind: type[Writer], rows: Sequence[Any], each: int
) -> None:
    calls = writer(kind).calls(rows)
    assert calls == writer(kind).calls(rows)
    # A seed hangs on its row, not on the row's place: a set that grows keeps its draws.
    assert [call.seed for call in writer(kind).calls(rows[1:])] == [call.seed for call in calls[each:]]
    for other in (writer(kind, iteration=2), writer(kind, evolution_seed=2)):
        assert not {call.seed for call in calls} & {call.seed for call in other.calls(rows)}


def test_the_settings_of_the_recipe_reach_the_call() -> None:
    config = WriteConfig(max_new_tokens=33, temperature=1.5, top_p=0.25)
    call = writer(AnswerWriter, config=config).calls(NEW)[0]
    assert (call.max_new_tokens, call.temperature, call.top_p, call.min_p) == (33, 1.5, 0.25, 0)
    call = writer(AnswerWriter, config=WriteConfig(top_p=0.25, min_p=0.05)).calls(NEW)[0]
    assert (call.top_p, call.min_p) == (1, 0.05), "in place of top_p"


@pytest.mark.parametrize(("kind", "rows", "_each"), KINDS)
def test_rows_lead_back_to_their_seed_and_parent(kind: type[Writer], rows: Sequence[Any], _each: int) -> None:
    calls, made = asked_and_written(kind, rows)
    assert len(made) == len({row.id for row in made}) == len(calls)
    sources = {row.id: row for row in rows}
    for call, row in zip(calls, made, strict=True):
        (parent,) = row.parents
        assert call.row == f"{parent}/{row.draw}"
        assert row.seed == getattr(sources[parent], "seed", parent)
        assert (row.iteration, row.author, row.finish, row.new_tokens) == (1, MODEL, "length", 5)


def test_all_new_instructions_are_asked_for_behind_the_same_examples() -> None:
    calls, _ = asked_and_written(InstructionWriter, SEEDS)
    (opening,) = {tuple(turn["content"] for turn in call.messages[:-1]) for call in calls}
    assert [turn["role"] for turn in calls[0].messages] == ["system", *["user", "assistant"] * len(examples()), "user"]
    for n, (weak, better) in enumerate(examples()):
        assert weak in opening[1 + 2 * n]
        assert opening[2 + 2 * n] == better


def test_a_new_instruction_is_written_from_its_seeds() -> None:
    calls, made = asked_and_written(InstructionWriter, SEEDS)
    assert all(SEEDS[0].instruction in call.messages[-1]["content"] for call in calls[:2])
    assert made[0].instruction == calls[0].row
    assert {(row.branch, row.response, row.flaw) for row in made} == {("low", "", None)}


def test_an_answer_is_asked_for_as_a_user_would_ask() -> None:
    calls, made = asked_and_written(AnswerWriter, NEW)
    assert [call.messages[-1] for call in calls[:3]] == [{"role": "user", "content": NEW[0].instruction}] * 3
    assert [(row.instruction, row.response) for row in made[:2]] == [(NEW[0].instruction, calls[n].row) for n in (0, 1)]
    assert {(row.branch, row.flaw) for row in made} == {("low", None)}


def test_a_flawed_response_has_the_flaw_that_its_prompt_asked_for() -> None:
    calls, made = asked_and_written(FlawedWriter, SEEDS)
    for call, row in zip(calls, made, strict=True):
        assert row.flaw
        asked_for = [name for name, flaw in FLAWS.items() if flaw in call.messages[-1]["content"]]
        assert asked_for == [row.flaw]
        assert row.instruction in call.messages[-1]["content"]
        assert (row.branch, row.response) == ("high", call.row)


def test_the_kinds_of_flaws_take_turns_within_a_seed_and_are_its_own_wherever_it_stands() -> None:
    one_each = writer(FlawedWriter, config=WriteConfig(flawed_per_high_seed=1))
    many = [seed(f"Say {n}.") for n in range(80)]
    calls = one_each.calls(many)
    flaws = Counter(row.flaw for row in one_each.rows(many, calls, [answer(call, "x") for call in calls]))
    assert flaws.keys() == FLAWS.keys() and min(flaws.values()) >= 10
    assert one_each.calls(many[7:]) == calls[7:]
    _, made = asked_and_written(FlawedWriter, SEEDS)
    assert {row.flaw for row in made[:4]} == set(FLAWS)
    assert made[4].flaw == made[0].flaw


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("Name three lakes.", "Name three lakes."),
        ('"Name three lakes."', "Name three lakes."),
        ("Instruction: Name three lakes.", "Name three lakes."),
        ("New instruction:\nName three lakes.", "Name three lakes."),
        ("**Task:** Name three lakes.", "Name three lakes."),
        ("**Task: Name three lakes.**", "Name three lakes."),
        ("## Better Instruction: \n\n Name three lakes.", "Name three lakes."),
        ('Instruction: "Name three lakes."', "Name three lakes."),
        ("Name these: a lake, a river.", "Name these: a lake, a river."),
        ("Task: Sort these: b, a.", "Sort these: b, a."),
        ('Say "lake"', 'Say "lake"'),
        ('"', '"'),
        ("", ""),
        ("Task", "Task"),
        ("Task: Say it in **bold**", "Say it in **bold**"),  # emphasis of its own
        ('"Lake" or "river": which is longer than a "pond"', '"Lake" or "river": which is longer than a "pond"'),
    ],
)
def test_tidy_takes_off_what_models_put_around_an_instruction(text: str, tidied: str) -> None:
    assert tidy(text) == tidied


@pytest.mark.parametrize(("kind", "rows", "each"), KINDS)
def test_a_later_round_draws_other_samples(kind: type[Writer], rows: Sequence[Any], each: int) -> None:
    first, second = (kind(CONFIG, "author", 1, 1, round).calls(rows) for round in (1, 2))
    assert {call.seed for call in first} & {call.seed for call in second} == set()
    assert sorted(int(call.row.partition("/")[2]) for call in second) == sorted([*range(each, 2 * each)] * len(rows))
    made = kind(CONFIG, "author", 1, 1, 2).rows(rows, second, [answer(call, "The same.") for call in second])
    assert len({row.id for row in made}) == len(second)


def test_a_conversation_is_gone_on_with_and_only_its_last_question_asked_for_anew() -> None:
    talk = Seed(history=("Is it cold?", "Yes."), instruction="And in July?", response="Then it is warm.")
    (anew,) = (call for call in writer(InstructionWriter).calls([talk]) if call.row.endswith("/0"))
    assert "Is it cold?" not in str(anew.messages)
    (new,) = writer(InstructionWriter).rows([talk], [anew], [answer(anew, "And in the month of May?")])
    for kind, row in ((AnswerWriter, new), (FlawedWriter, talk), (OrdinaryWriter, talk)):
        call = writer(kind).calls([row])[0]
        assert [message["content"] for message in call.messages[1:3]] == ["Is it cold?", "Yes."]
        assert writer(kind).rows([row], [call], [answer(call, "Warm.")])[0].history == talk.history
