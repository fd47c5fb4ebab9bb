import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from tasks.engines.calls import chat
from tasks.recipe.data import ReadingConfig
from tasks.seeds.parts import divide
from tasks.seeds.reading import CUT, DROPS, REPAIRS, SeedSet, read
from tasks.seeds.room import Room
from tasks.store.home import ROOT
from tasks.store.rows import SYSTEM, Seed

EVERYDAY = ROOT / "deployments" / "seeds" / "everyday.jsonl"
GOOD = {"prompt": "Why is the sky blue?", "response": "Air scatters blue light."}


def said(role: object, content: object) -> dict[str, object]:
    return {"role": role, "content": content}


def shared(role: str, value: str) -> dict[str, object]:
    return {"from": role, "value": value}


def read_lines(folder: Path, rows: Sequence[object], config: ReadingConfig | None = None) -> SeedSet:
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read(folder / "a.jsonl", config or ReadingConfig(), on_row=lambda count: None)


def pairs(found: SeedSet) -> list[tuple[str, str]]:
    return [(seed.instruction, seed.response) for seed in found.seeds]


def rules(found: SeedSet) -> list[tuple[str, str]]:
    return [(reject.row, reject.rule) for reject in found.rejects]


FORMS: list[dict[str, Any]] = [
    {"prompt": "Q", "response": "A"},
    {"instruction": "Q", "response": "A"},
    {"instruction": "Q", "output": "A"},
    {"instruction": "Q", "input": " ", "output": "A"},
    {"instruction": "Q", "input": None, "output": "A"},
    {"question": "Q", "answer": "A"},
    {"prompt": "Q", "completion": "A"},
    {"messages": [said("user", "Q"), said("assistant", "A")]},
    {"conversations": [shared("human", "Q"), shared("gpt", "A")]},
    {"prompt": [said("user", "Q")], "completion": [said("assistant", "A")]},
    {"prompt": "Q", "messages": [said("user", "Q"), said("assistant", "A")]},
    {"prompt": None, "response": None, "messages": [said("user", "Q"), said("assistant", "A")]},
    {"question": "Q", "response": "A"},
    {"query": "Q", "response": "A"},
    {"problem": "Q", "solution": "A"},
    {"input": "Q", "output": "A"},
    {"instruction": "Q", "context": "", "response": "A"},
    {"instruction": "Q", "output": "A", "system": "", "history": []},
    {"conversation": [said("Human", "Q"), said("model", "A")]},
    {"messages": json.dumps([said("user", "Q"), said("assistant", "A")])},
    {"messages": [said("user", [{"type": "text", "text": "Q"}]), said("assistant", ["A"])]},
    {"messages": str([said("user", "Q"), said("assistant", "A")])},
    {"messages": [{"role": "user", "value": "Q"}, {"from": "gpt", "content": "A"}]},
    {"messages": [{"role": None, "content": None, "from": "human", "value": "Q"}, said("assistant", "A")]},
    {"messages": "[{'role': 'user', 'content': 'Q'}\n {'role': 'assistant', 'content': 'A'}]"},
    {"messages": [said("prompter", "Q"), said("chatbot", "A")], "tools": "null"},
    {"prompt": "Q", "response": "A", "answer": float("nan")},
    {"prompt": "Q", "response": "A", "answer": " "},
    {"conversations": [{"role": "user", "text": "Q"}, {"role": "assistant", "text": "A"}]},
    {"Prompt": "Q", " RESPONSE": "A"},
    {"messages": [said("user", "Q") | {"tool_calls": None}, said("assistant", "A") | {"tool_calls": []}]},
    {"messages": [said("system", SYSTEM), said("user", "Q"), said("assistant", "A")], "tools": "[]"},
]


@pytest.mark.parametrize("row", FORMS, ids=lambda row: json.dumps(row)[:60])
def test_every_form_gives_the_same_seed(tmp_path: Path, row: dict[str, Any]) -> None:
    found = read_lines(tmp_path, [row])
    assert found.seeds == [Seed(instruction="Q", response="A", source="a.jsonl:1")]
    assert found.rejects == []


def test_a_line_may_be_a_list_of_messages(tmp_path: Path) -> None:
    talk = [said("user", "Q"), said("assistant", "A")]
    assert pairs(read_lines(tmp_path, [talk, [said("user", "R"), *talk[1:]]])) == [("Q", "A"), ("R", "A")]


def test_your_names_for_columns_come_before_ours(tmp_path: Path) -> None:
    rows = [{"text": "Q", "prompt": "old", "response": "A", "Context": "no", "": "0"}]
    for order in (rows, [dict(reversed(rows[0].items()))]):
        found = read_lines(tmp_path, order, ReadingConfig(columns={"prompt": "text", "context": ""}))
        assert pairs(found) == [("Q", "A")]


def test_several_texts_are_not_one(tmp_path: Path) -> None:
    found = read_lines(tmp_path, [GOOD, GOOD | {"response": ["So.", "Thus."]}])
    assert rules(found) == [("a.jsonl:2", "not_text")]


def test_an_alpaca_input_joins_its_instruction(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Add. ", "input": "1 and 2\n", "output": "3"},
        {"instruction": "Add 2 and 3.", "output": "5"},
    ]
    found = read_lines(tmp_path, rows)
    assert pairs(found) == [("Add.\n\n1 and 2", "3"), ("Add 2 and 3.", "5")]
    assert found.ignored_columns == []


def test_each_file_of_a_folder_has_its_own_form_and_progress_counts_on(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("question,answer,id\nQ2,A2,7\n")
    counts: list[int] = []
    (tmp_path / "a.jsonl").write_text(json.dumps({"prompt": "Q1", "response": "A1", "quality": 3}) + "\n")
    found = read(tmp_path, ReadingConfig(), counts.append)
    assert [(seed.instruction, seed.source) for seed in found.seeds] == [("Q1", "a.jsonl:1"), ("Q2", "b.csv:1")]
    assert found.ignored_columns == ["id", "quality"]
    assert counts == [1, 2]


def test_text_is_kept_as_it_is_but_for_its_edges_and_line_ends(tmp_path: Path) -> None:
    decomposed = "Cafe\u0301  au\tlait"
    found = read_lines(tmp_path, [{"prompt": f"\n {decomposed}\r\nPlease. ", "response": "\u2003Oui\rnon"}])
    assert pairs(found) == [(f"{decomposed}\nPlease.", "Oui\rnon")]


HANDLED: list[tuple[str, list[dict[str, Any]], list[tuple[str, str]], list[str]]] = [
    # rule, rows after a good one, (row, rule) left behind, prompts that survive beside the good one
    ("no instruction", [GOOD | {"prompt": " \n"}], [("a.jsonl:2", "empty")], []),
    ("no response", [GOOD | {"response": ""}], [("a.jsonl:2", "empty")], []),
    ("nothing but NUL", [GOOD | {"response": "\0"}], [("a.jsonl:2", "nul_bytes"), ("a.jsonl:2", "empty")], []),
    ("same but for case", [{k: v.upper() + "\n" for k, v in GOOD.items()}], [("a.jsonl:2", "duplicate")], []),
    ("same but for spaces", [{k: v.replace(" ", "\t\n ") for k, v in GOOD.items()}], [("a.jsonl:2", "duplicate")], []),
    ("another response", [GOOD | {"response": "Rayleigh."}], [], [GOOD["prompt"]]),
    ("too long", [GOOD | {"response": "w " * 20}], [("a.jsonl:2", "over_long")], []),
    ("just short enough", [{"prompt": "w " * 10, "response": "w " * 10}], [], [("w " * 10).strip()]),
    ("NUL", [{"prompt": "A\0B?", "response": "C"}], [("a.jsonl:2", "nul_bytes")], ["AB?"]),
]


@pytest.mark.parametrize(("rows", "rejects", "prompts"), [case[1:] for case in HANDLED], ids=[c[0] for c in HANDLED])
def test_a_row_is_dropped_or_repaired_with_its_rule(
    tmp_path: Path, rows: list[dict[str, Any]], rejects: list[tuple[str, str]], prompts: list[str]
) -> None:
    found = read_lines(tmp_path, [GOOD, *rows], ReadingConfig(max_words=20))
    assert rules(found) == rejects
    assert [seed.instruction for seed in found.seeds] == [GOOD["prompt"], *prompts]


def test_what_is_too_long_for_the_model_is_left_out_before_anything_is_asked(tmp_path: Path) -> None:
    letters = Tokenizer(models.BPE({letter: n for n, letter in enumerate("abc ")}, []))
    rows = [{"prompt": "a" * n, "response": "b" * n} for n in (3, 4, 5)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read(tmp_path / "a.jsonl", ReadingConfig(), lambda count: None, Room(letters, 8))
    assert [seed.instruction for seed in found.seeds] == ["aaa", "aaaa"]
    (reject,) = found.rejects
    assert (reject.rule, reject.row) == ("over_context", "a.jsonl:3")
    assert reject.detail.startswith("10 tokens, expected at most 8, which engine.context_tokens has room for")
    # Of what is no letter of its own there is no token: bytes say nothing then, tokens do.
    assert Room(letters, 8).needed(["é" * 9]) == 0


def test_rejects_say_why_and_keep_the_text(tmp_path: Path) -> None:
    rows = [GOOD, GOOD, {"prompt": "one two", "response": "three " * 9}, GOOD | {"response": " "}]
    duplicate, long, empty = read_lines(tmp_path, rows, ReadingConfig(max_words=10)).rejects
    assert duplicate.detail == "same as a.jsonl:1"
    assert GOOD["response"] in duplicate.text
    assert long.detail == "11 words, at most 10 (reading.max_words)"
    assert long.text.count("three") == 9
    assert empty.detail == "no response"
    assert GOOD["prompt"] in empty.text
    assert {reject.parents for reject in (duplicate, long, empty)} == {()}


def test_a_byte_order_mark_is_a_repair_of_the_file_it_was_in(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt,response\nQ,A\nQ2,A2\n", encoding="utf-8-sig")
    found = read(tmp_path, ReadingConfig(), lambda count: None)
    assert pairs(found) == [("Q", "A"), ("Q2", "A2")]
    assert rules(found) == [("a.csv:1", "byte_order_mark")]


def test_a_system_text_goes_before_the_first_question_or_as_the_recipe_wants(tmp_path: Path) -> None:
    talk = [shared("human", "Hi."), shared("gpt", "Hello."), shared("human", "Q"), shared("gpt", "A")]
    rows = [
        {"conversations": [shared("system", "Be brief."), *talk]},
        {"system_prompt": "Be brief.", "question": "Q1", "response": "A"},
        {"system": " ", "question": "Q2", "response": "A"},
        {"system": "Be brief.", "question": "", "response": "A"},
    ]
    found = read_lines(tmp_path, rows)
    assert [(seed.history, seed.instruction) for seed in found.seeds] == [
        (("Be brief.\n\nHi.", "Hello."), "Q"),
        ((), "Be brief.\n\nQ1"),
        ((), "Q2"),
    ]
    assert [(r.row[-1], r.rule, r.text) for r in found.rejects[:2]] == [
        (number, "system_message", "Be brief.") for number in "12"
    ]
    assert rules(found)[-1] == ("a.jsonl:4", "empty"), "a system text alone asks nothing"
    found = read_lines(tmp_path, rows[:3], ReadingConfig(system="drop"))
    assert [(seed.history, seed.instruction) for seed in found.seeds][:2] == [(("Hi.", "Hello."), "Q"), ((), "Q1")]
    assert {r.detail for r in found.rejects} == {"removed, the rest kept"}
    found = read_lines(tmp_path, rows[1:3], ReadingConfig(system="reject"))
    assert (pairs(found), rules(found)) == ([("Q2", "A")], [("a.jsonl:1", "system")])


def test_what_a_question_is_about_and_what_was_said_before_belong_to_it(tmp_path: Path) -> None:
    earlier = [["How long is it?", "3 feet."]]
    rows: list[dict[str, Any]] = [
        {"instruction": "When?", "context": "It began in 1900.", "response": "1900", "category": "qa"},
        {"instruction": "In metres?", "input": "", "output": "1 m", "history": earlier},
        {"instruction": "In yards?", "output": "1 yd", "history": json.dumps(earlier)},
        {"instruction": "In miles?", "output": "0", "history": [said("user", "Far?"), said("assistant", "No.")]},
        {"instruction": "When?", "context": 1901, "response": True},
    ]
    found = read_lines(tmp_path, rows)
    assert [(seed.history, seed.instruction, seed.response) for seed in found.seeds] == [
        ((), "When?\n\nIt began in 1900.", "1900"),
        (("How long is it?", "3 feet."), "In metres?", "1 m"),
        (("How long is it?", "3 feet."), "In yards?", "1 yd"),
        (("Far?", "No."), "In miles?", "0"),
        ((), "When?\n\n1901", "true"),
    ]
    assert (found.rejects, found.ignored_columns) == ([], ["category"])
    found = read_lines(tmp_path, rows[:1], ReadingConfig(columns={"context": ""}))
    assert (pairs(found), found.ignored_columns) == ([("When?", "1900")], ["category"])


def test_numbers_are_text_and_what_is_in_messages_beside_is_named(tmp_path: Path) -> None:
    rows = [{"question": "2+2?", "answer": 4}, {"question": "Half?", "answer": 0.5}, {"question": "?", "answer": None}]
    found = read_lines(tmp_path, rows)
    assert (pairs(found), rules(found)) == ([("2+2?", "4"), ("Half?", "0.5")], [("a.jsonl:3", "empty")])
    talk = [said("user", "Q") | {"name": "Q."}, said("assistant", "A") | {"reasoning_content": "So."}]
    assert read_lines(tmp_path, [{"messages": talk}]).ignored_columns == [
        "messages[].name",
        "messages[].reasoning_content",
    ]


def test_a_greeting_is_left_out_and_said(tmp_path: Path) -> None:
    talk = [said("assistant", "How can I help?"), said("user", "Q"), said("assistant", "A")]
    found = read_lines(tmp_path, [{"messages": talk}])
    assert pairs(found) == [("Q", "A")]
    assert [(r.rule, r.text) for r in found.rejects] == [("greeting", "How can I help?")]


@pytest.mark.parametrize(
    ("roles", "rule"),
    [
        (["user", "assistant", "user"], "turns"),
        (["user", "user"], "turns"),
        (["user", "bing"], "turns"),
        (["user"], "empty"),
        (["assistant"], "empty"),
        ([], "empty"),
    ],
)
def test_a_conversation_needs_both_sides_in_turn(tmp_path: Path, roles: list[str], rule: str) -> None:
    good = [said("user", "Q"), said("assistant", "A")]
    talk = [said(role, f"text {n}") for n, role in enumerate(roles)]
    found = read_lines(tmp_path, [{"messages": good}, {"messages": talk}, {"messages": good}])
    assert rules(found) == [("a.jsonl:2", rule), ("a.jsonl:3", "duplicate")]
    assert pairs(found) == [("Q", "A")]
    assert all(f"text {n}" in found.rejects[0].text for n in range(len(roles)))


def test_a_conversation_that_uses_tools_is_left_out(tmp_path: Path) -> None:
    call = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "w", "arguments": "{}"}}]}
    good = [said("user", "Q"), said("assistant", "A")]
    rows = [
        {"messages": good},
        {"messages": [said("user", "Q"), call, said("tool", "42"), said("assistant", "A")]},
        {"messages": [said("user", "Q"), said("function", "42"), said("assistant", "A")]},
        {"messages": good, "tools": [{"name": "w"}]},
    ]
    found = read_lines(tmp_path, rows, ReadingConfig(malformed_share=1))
    assert (pairs(found), [rule for _, rule in rules(found)]) == ([("Q", "A")], ["tools"] * 3)


def test_of_a_conversation_the_first_answer_may_be_taken_alone(tmp_path: Path) -> None:
    said = [
        {"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(["Hi.", "Hello.", "Q", "A"])
    ]
    (tmp_path / "a.jsonl").write_text(json.dumps({"messages": said}) + "\n")
    (seed,) = read(tmp_path / "a.jsonl", ReadingConfig(turn="first"), lambda _: None).seeds
    assert (seed.history, seed.instruction, seed.response) == ((), "Hi.", "Hello.")


def test_the_turns_before_the_last_question_are_the_seeds_history(tmp_path: Path) -> None:
    talk = [said("user", " Hi. "), said("assistant", "Hello."), said("user", "Q"), said("assistant", "A")]
    other = [said("user", "Ho."), *talk[1:]]
    found = read_lines(tmp_path, [{"messages": talk}, {"messages": other}, {"messages": talk}, {"messages": talk[2:]}])
    assert [(seed.history, seed.instruction, seed.response) for seed in found.seeds] == [
        (("Hi.", "Hello."), "Q", "A"),
        (("Ho.", "Hello."), "Q", "A"),
        ((), "Q", "A"),
    ]
    assert rules(found) == [("a.jsonl:3", "duplicate")]
    assert chat("Q", "A", history=("Hi.", "Hello."))[1:] == tuple(
        {"role": role, "content": text}
        for role, text in (("user", "Hi."), ("assistant", "Hello."), ("user", "Q"), ("assistant", "A"))
    )


def test_an_earlier_turn_may_not_be_empty(tmp_path: Path) -> None:
    talk = [said("user", " "), said("assistant", "Hello."), said("user", "Q"), said("assistant", "A")]
    found = read_lines(tmp_path, [{"messages": talk}, {"messages": talk[2:]}])
    assert [(r.rule, r.detail) for r in found.rejects] == [("empty", "an earlier turn is empty")]


def test_max_rows_takes_the_first_seeds_and_counts_the_rest_once(tmp_path: Path) -> None:
    rows = [{"prompt": f"Q{n}", "response": "A"} for n in (0, 0, 1, 2, 3, 4)]
    found = read_lines(tmp_path, rows, ReadingConfig(max_rows=2))
    assert [seed.instruction for seed in found.seeds] == ["Q0", "Q1"]
    assert rules(found) == [("a.jsonl:2", "duplicate"), ("a.jsonl:4", "over_max_rows")]
    assert found.rejects[-1].detail.startswith("3 rows ")
    assert found.rejected == {"duplicate": 1, "over_max_rows": 3}
    assert rules(read_lines(tmp_path, rows, ReadingConfig(max_rows=5))) == [("a.jsonl:2", "duplicate")]


MALFORMED: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("unknown form", {"text": "x", "score": 1}, "columns", ["'prompt' and 'response'", "messages", "'text', 'score'"]),
    ("half a form", {"prompt": "x"}, "columns", ["'response' or 'completion'", "beside 'prompt'", "reading.columns"]),
    ("no columns", {}, "columns", ["'prompt' and 'response'", "found no columns"]),
    ("list", GOOD | {"prompt": [1]}, "not_text", ["text in 'prompt'", "found [1]", "put text"]),
    ("object", GOOD | {"response": {"a": 1}}, "not_text", ["text in 'response'", 'found {"a": 1}', "put text"]),
    ("input", {"instruction": "x", "input": {}, "output": "y"}, "not_text", ["text in 'input'", "found {}"]),
    ("messages", {"messages": "x"}, "columns", ["a list of messages in 'messages'", 'found "x"', "where it is JSON"]),
    ("number", {"messages": 1}, "columns", ["a list of messages in 'messages'", "found 1"]),
    ("message", {"messages": ["x"]}, "columns", ["in 'messages[0]'", 'found "x"', "give each message"]),
    ("no role", {"messages": [{"content": "x"}]}, "columns", ['"role"', 'found {"content": "x"}', "who says"]),
    ("no content", {"messages": [{"role": "user"}]}, "columns", ['"content"', 'found {"role": "user"}']),
    ("role null", {"messages": [said(None, "x")]}, "columns", ['"role"', 'found {"role": null']),
    ("image", {"messages": [said("user", [{"type": "image"}])]}, "not_text", ["'messages[0]'", "image"]),
    (
        "mixed TRL",
        {"prompt": [said("user", "Q")], "completion": "A"},
        "columns",
        ["a list of messages in 'completion'"],
    ),
    ("history", {"instruction": "Q", "output": "A", "history": [["one"]]}, "columns", ["'history[0]'", "both"]),
]


@pytest.mark.parametrize(("row", "rule", "parts"), [case[1:] for case in MALFORMED], ids=[c[0] for c in MALFORMED])
def test_a_row_with_wrong_columns_or_types_is_one_reject_and_a_file_of_such_rows_is_refused(
    tmp_path: Path, row: dict[str, Any], rule: str, parts: list[str]
) -> None:
    found = read_lines(tmp_path, [GOOD, row])
    assert (len(found.seeds), rules(found)) == (1, [("a.jsonl:2", rule)])
    assert [part for part in parts if part not in found.rejects[0].detail] == [], found.rejects[0].detail
    with pytest.raises(ValueError, match=r"^a\.jsonl:1 \(line 1\): .*1 of 1 rows are no seeds; reading") as caught:
        read_lines(tmp_path, [row])
    assert [part for part in parts if part not in str(caught.value)] == [], str(caught.value)


def test_a_file_is_refused_by_the_share_that_the_recipe_names_and_each_file_for_itself(tmp_path: Path) -> None:
    rows = [GOOD, GOOD | {"prompt": "Q2"}, {"text": "x"}, "no row", GOOD | {"prompt": "Q3"}]
    assert rules(read_lines(tmp_path, rows)) == [("a.jsonl:3", "columns"), ("a.jsonl:4", "unreadable")]
    with pytest.raises(ValueError, match=r"a\.jsonl:3 .*2 of 5 rows are no seeds; reading.malformed_share is 0.3"):
        read_lines(tmp_path, rows, ReadingConfig(malformed_share=0.3))
    (tmp_path / "b.jsonl").write_text('{"text": 1}\n')
    with pytest.raises(ValueError, match=r"b\.jsonl:1 .*1 of 1 rows are no seeds"):
        read(tmp_path, ReadingConfig(), lambda count: None)


def test_a_set_of_which_nothing_is_left_is_refused_with_counts(tmp_path: Path) -> None:
    rows = [GOOD | {"prompt": "\0"}, GOOD | {"response": ""}, GOOD | {"response": "w " * 9}]
    with pytest.raises(ValueError, match=r"a\.jsonl: expected at least one usable row, found none in 3 rows") as caught:
        read_lines(tmp_path, rows, ReadingConfig(max_words=5))
    assert "1 nul_bytes, 2 empty, 1 over_long" in str(caught.value)
    assert "a.jsonl:3, 14 words, at most 5" in str(caught.value)


def test_the_shipped_set_is_whole() -> None:
    found = read(EVERYDAY, ReadingConfig(), lambda count: None)
    assert (len(found.seeds), found.rejects, found.ignored_columns) == (80, [], ["kind", "quality"])
    assert not {"quality", "label"} & Seed.model_fields.keys()
    weak = [json.loads(line)["quality"] for line in EVERYDAY.read_text().splitlines()].count("weak")
    assert 0.25 < weak / 80 < 0.42
    parts = divide(found.seeds, ReadingConfig().held_out_share, ReadingConfig().anchor_share)
    assert (len(parts.pool) >= 40, len(parts.held_out) >= 8, len(parts.anchors) >= 8) == (True, True, True)


LETTERS = st.text("aA \n\0é", max_size=3)
TALK = st.lists(st.builds(said, st.sampled_from(["user", "assistant", "system", "tool"]), LETTERS), max_size=3)
ROWS = st.one_of(
    st.lists(st.fixed_dictionaries({"prompt": LETTERS, "response": LETTERS}), max_size=12),
    st.lists(st.fixed_dictionaries({"messages": TALK}), max_size=12),
)
USABLE_PAIR = {"prompt": "Q", "response": "A"}
USABLE_TALK = {"messages": [said("user", "Q"), said("assistant", "A")]}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(ROWS, st.integers(1, 5) | st.none(), st.integers(2, 4))
def test_every_row_becomes_a_seed_or_a_reject(
    tmp_path: Path, rows: list[dict[str, Any]], max_rows: int | None, max_words: int
) -> None:
    # Without a usable row, the set would be refused as empty.
    rows = [USABLE_TALK if rows and "messages" in rows[0] else USABLE_PAIR, *rows]
    found = read_lines(tmp_path, rows, ReadingConfig(max_rows=max_rows, max_words=max_words, malformed_share=1))
    dropped = [reject.row for reject in found.rejects if reject.rule in DROPS]
    assert len(rows) == len(found.seeds) + sum(found.rejected.values())
    assert len({*dropped, *(seed.source for seed in found.seeds)}) == len(dropped) + len(found.seeds)
    assert found.repaired + len(dropped) + bool(found.left_out) == len(found.rejects)
    assert {reject.rule for reject in found.rejects} <= {*DROPS, *REPAIRS, CUT}
