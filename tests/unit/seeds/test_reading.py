import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.engines.calls import chat
from tasks.recipe.data import ReadingConfig
from tasks.seeds.reading import CUT, DROPS, REPAIRS, SeedSet, divide, read
from tasks.store.home import ROOT
from tasks.store.rows import Seed

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
]


@pytest.mark.parametrize("row", FORMS, ids="/".join)
def test_every_form_gives_the_same_seed(tmp_path: Path, row: dict[str, Any]) -> None:
    found = read_lines(tmp_path, [row])
    assert found.seeds == [Seed(instruction="Q", response="A", source="a.jsonl:1")]
    assert found.rejects == []


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


def test_rejects_say_why_and_keep_the_text(tmp_path: Path) -> None:
    rows = [GOOD, GOOD, {"prompt": "one two", "response": "three " * 9}, GOOD | {"response": " "}]
    duplicate, long, empty = read_lines(tmp_path, rows, ReadingConfig(max_words=10)).rejects
    assert duplicate.detail == "same as a.jsonl:1"
    assert GOOD["response"] in duplicate.text
    assert long.detail == "11 words, at most 10"
    assert long.text.count("three") == 9
    assert empty.detail == "no response"
    assert GOOD["prompt"] in empty.text
    assert {reject.parents for reject in (duplicate, long, empty)} == {()}


def test_a_byte_order_mark_is_a_repair_of_the_file_it_was_in(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt,response\nQ,A\nQ2,A2\n", encoding="utf-8-sig")
    found = read(tmp_path, ReadingConfig(), lambda count: None)
    assert pairs(found) == [("Q", "A"), ("Q2", "A2")]
    assert rules(found) == [("a.csv:1", "byte_order_mark")]


def test_a_system_message_is_dropped_and_said(tmp_path: Path) -> None:
    rows = [{"conversations": [shared("system", "Be brief."), shared("human", "Q"), shared("gpt", "A")]}]
    found = read_lines(tmp_path, rows)
    assert pairs(found) == [("Q", "A")]
    assert [(r.row, r.rule, r.text) for r in found.rejects] == [("a.jsonl:1", "system_message", "Be brief.")]


@pytest.mark.parametrize(
    ("roles", "rule"),
    [
        (["user", "assistant", "user"], "turns"),
        (["user", "user"], "turns"),
        (["system", "user", "tool", "assistant"], "turns"),
        (["assistant", "user"], "turns"),
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


def test_a_dropped_conversation_may_hold_what_is_no_text(tmp_path: Path) -> None:
    calls = [said("user", "Q"), said("assistant", None), said("tool", "42"), said("assistant", "A")]
    found = read_lines(tmp_path, [{"messages": calls}, {"messages": [said("user", "Q"), said("assistant", "A")]}])
    assert rules(found) == [("a.jsonl:1", "turns")]


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
    assert [(r.rule, r.detail) for r in found.rejects] == [("empty", "an earlier turn is")]


def test_max_rows_takes_the_first_seeds_and_counts_the_rest_once(tmp_path: Path) -> None:
    rows = [{"prompt": f"Q{n}", "response": "A"} for n in (0, 0, 1, 2, 3, 4)]
    found = read_lines(tmp_path, rows, ReadingConfig(max_rows=2))
    assert [seed.instruction for seed in found.seeds] == ["Q0", "Q1"]
    assert rules(found) == [("a.jsonl:2", "duplicate"), ("a.jsonl:4", "over_max_rows")]
    assert found.rejects[-1].detail.startswith("3 rows ")
    assert found.rejected == {"duplicate": 1, "over_max_rows": 3}
    assert rules(read_lines(tmp_path, rows, ReadingConfig(max_rows=5))) == [("a.jsonl:2", "duplicate")]


REFUSED: list[tuple[str, list[dict[str, Any]], list[str]]] = [
    ("unknown form", [{"text": "x", "score": 1}], [":1 (line 1)", "prompt/response", "messages", "'text', 'score'"]),
    ("half a form", [{"prompt": "x"}], [":1 (line 1)", "prompt/response", "'prompt'", "rename"]),
    ("no columns", [{}], [":1 (line 1)", "prompt/response", "an empty row"]),
    ("a column less", [GOOD, {"prompt": "x"}], [":2 (line 2)", "'response'", "the columns 'prompt'", "same columns"]),
    ("number", [GOOD, GOOD | {"response": 5}], [":2 (line 2)", "text in 'response'", "found 5", "put text"]),
    ("list", [GOOD | {"prompt": ["x"]}], [":1 (line 1)", "text in 'prompt'", 'found ["x"]', "put text"]),
    ("null", [GOOD, GOOD | {"prompt": None}], [":2 (line 2)", "text in 'prompt'", "found null", "put text"]),
    ("input", [{"instruction": "x", "input": 1, "output": "y"}], [":1 (line 1)", "text in 'input'", "found 1"]),
    ("messages", [{"messages": "x"}], [":1 (line 1)", "a list of messages in 'messages'", 'found "x"']),
    ("message", [{"messages": ["x"]}], [":1 (line 1)", "in 'messages[0]'", 'found "x"', "give each message"]),
    ("no role", [{"messages": [{"content": "x"}]}], [":1 (line 1)", '"role"', 'found {"content": "x"}', "who says"]),
    ("no content", [{"messages": [{"role": "user"}]}], [":1 (line 1)", '"content"', 'found {"role": "user"}']),
    ("role null", [{"messages": [said(None, "x")]}], [":1 (line 1)", '"role"', 'found {"role": null']),
    ("content null", [{"messages": [said("user", None)]}], [":1 (line 1)", "text in 'messages[0]'", "found null"]),
    (
        "mixed TRL",
        [{"prompt": [said("user", "Q")], "completion": "A"}],
        [":1 (line 1)", "a list of messages in 'completion'", 'found "A"'],
    ),
]


@pytest.mark.parametrize(("rows", "parts"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_wrong_columns_and_types_are_refused_with_file_and_row(
    tmp_path: Path, rows: list[dict[str, Any]], parts: list[str]
) -> None:
    with pytest.raises(ValueError, match=r"^a\.jsonl:\d.*: expected .+, found .+; .+") as caught:
        read_lines(tmp_path, rows)
    assert [part for part in parts if part not in str(caught.value)] == [], str(caught.value)


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
    found = read_lines(tmp_path, rows, ReadingConfig(max_rows=max_rows, max_words=max_words))
    dropped = [reject.row for reject in found.rejects if reject.rule in DROPS]
    assert len(rows) == len(found.seeds) + sum(found.rejected.values())
    assert len({*dropped, *(seed.source for seed in found.seeds)}) == len(dropped) + len(found.seeds)
    assert found.repaired + len(dropped) + bool(found.left_out) == len(found.rejects)
    assert {reject.rule for reject in found.rejects} <= {*DROPS, *REPAIRS, CUT}
