"""Clean: each rule at its boundary, and every row that goes is kept as a reject."""

from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.clean import rules as clean
from tasks.recipe.data import CleanConfig
from tasks.store.rows import OVER_CONTEXT, Seed, Written
from tests.support.rows import seed, written

CONFIG = CleanConfig()
NAMES = [f"word{n}" for n in range(100)]
LAKES = seed("Name three lakes of Europe.", "Ladoga, Onega and Saimaa all lie in the north of it.")
HILLS = seed("Tell me where hills come from.", "Rain and frost wear a mountain down until little stands.")


def text(count: int, start: int = 0) -> str:
    return " ".join(NAMES[start : start + count])


def rules(
    rows: Sequence[Written], seeds: Sequence[Seed] = (LAKES, HILLS), config: CleanConfig = CONFIG
) -> list[str | None]:
    """The rule that took each response out, None for those that stay."""
    kept, rejects = clean.clean(rows, "response", seeds, [], config)
    found = {reject.row: reject.rule for reject in rejects}
    assert [row for row in rows if row.id not in found] == kept
    return [found.get(row.id) for row in rows]


def rule_of(response: str, config: CleanConfig = CONFIG, **other: str) -> str | None:
    (found,) = rules([written(LAKES, response, **other)], config=config)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(("count", "rule"), [(9, "too short"), (10, None), (12, None), (13, "too long")])
def test_a_response_has_a_length(count: int, rule: str | None) -> None:
    assert rule_of(text(count), CleanConfig(max_response_words=12)) == rule


@pytest.mark.parametrize(("count", "rule"), [(4, "too short"), (5, None), (5000, None)])
def test_an_instruction_has_a_least_length(count: int, rule: str | None) -> None:
    row = written(LAKES, instruction=" ".join(f"word{n}" for n in range(count)))
    kept, rejects = clean.clean([row], "instruction", [LAKES], [], CONFIG)
    assert [reject.rule for reject in rejects] == ([] if rule is None else [rule])
    assert kept == ([row] if rule is None else [])


def test_what_the_token_limit_cut_goes_unless_it_is_wanted() -> None:
    assert rule_of(text(20), finish="stop") is None
    assert rule_of(text(20), finish="length") == "cut off"
    assert rule_of("", finish=OVER_CONTEXT) == "over context"
    assert rule_of(text(20), CleanConfig(without=("cut_off",)), finish="length") is None


@pytest.mark.parametrize("branch", ["low", "high"])
def test_a_refusal_goes_on_both_branches(branch: str) -> None:
    assert rule_of(f"I cannot do that, {text(20)}", branch=branch) == "refusal"
    assert rule_of(f"They said: I cannot do that, {text(20)}", branch=branch) is None


@pytest.mark.parametrize(("limit", "rule"), [(0.5, None), (0.49, "repetition")])
def test_half_of_the_4_grams_may_repeat(limit: float, rule: str | None) -> None:
    # 16 words of a cycle of 7: 13 4-grams, 7 different ones; with one more word, half of the 14 stood before.
    cycle = f"{text(7)} {text(7)} {text(3)}"
    assert rule_of(cycle, CleanConfig(max_repeated_share=limit)) == rule


@pytest.mark.parametrize(("limit", "rule"), [(0.7, None), (0.69, "overlap")])
def test_seven_of_ten_words_in_common_may_be(limit: float, rule: str | None) -> None:
    sibling, row = (written(LAKES, text(7) + " " + text(3, start), draw=start) for start in (10, 20))
    assert rules([sibling, row], config=CleanConfig(max_rouge_l=limit)) == [None, rule]


def test_a_response_is_held_against_the_seed_that_it_answers() -> None:
    flawed = written(LAKES, LAKES.response.replace("north", "south"), branch="high", flaw="wrong")
    answer = written(LAKES, flawed.response, instruction="Name three cold lakes of it.")
    assert rules([flawed]) == ["overlap"]
    assert rules([answer]) == [None]  # to another instruction: the seed's response is no sibling of it


def test_an_instruction_is_held_against_its_seed_and_what_was_kept_before() -> None:
    texts = [
        "Name three lakes of Asia.",  # 4 of 5 words of the seed's
        "Say which sea is saltiest of all.",
        "Say which sea is deepest of all.",
        "Write a poem about a quiet harbour.",
    ]
    rows = [written(LAKES, instruction=words, draw=draw) for draw, words in enumerate(texts)]
    kept, rejects = clean.clean(rows, "instruction", [LAKES], [], CONFIG)
    assert kept == [rows[1], rows[3]]
    assert [(reject.row, reject.rule) for reject in rejects] == [(rows[0].id, "overlap"), (rows[2].id, "overlap")]


def test_a_family_ends_at_its_seed_but_for_the_same_words() -> None:
    mine = written(LAKES, text(12))
    similar, same = written(HILLS, text(12, 1)), written(HILLS, text(12).upper() + "!", draw=1)
    assert rules([mine, similar, same]) == [None, None, "duplicate"]
    assert rules([mine, written(LAKES, text(12, 1), draw=1)]) == [None, "overlap"]


def test_what_was_taken_out_stands_in_nobodys_way() -> None:
    cut, whole = written(LAKES, text(12), finish="length"), written(LAKES, text(12), draw=1)
    assert rules([cut, whole]) == ["cut off", None]


def test_a_reject_says_why_and_keeps_the_text() -> None:
    rows = [
        written(LAKES, "Too short."),
        written(LAKES, text(20), finish="length", new_tokens=96),
        written(LAKES, "As an AI " + text(20)),
        written(LAKES, "ha " * 20),
        written(HILLS, text(12)),
        written(LAKES, text(12)),
        written(LAKES, LAKES.response + " Yes.", branch="high"),
        written(LAKES, text(16, 40)),
    ]
    kept, rejects = clean.clean(rows, "response", [LAKES, HILLS], [], CleanConfig(max_response_words=30))
    assert kept == [rows[4], rows[7]]
    assert [reject.detail for reject in rejects] == [
        "2 words, expected at least 10",
        "the token limit ended it after 96 tokens",
        ("As an AI " + text(20))[:60],
        "94% of its 4-grams repeat, expected at most 50%",
        "the same words as an earlier row",
        "ROUGE-L 1.00 within its family, expected at most 0.7",
    ]
    gone = [row for row in rows if row not in kept]
    assert [(r.row, r.text, r.parents) for r in rejects] == [(row.id, row.response, (row.id,)) for row in gone]


def test_a_rejected_instruction_keeps_its_own_text() -> None:
    _, (reject,) = clean.clean([written(LAKES, instruction="Go on.")], "instruction", [LAKES], [], CONFIG)
    assert (reject.text, reject.detail) == ("Go on.", "2 words, expected at least 5")


# Short limits, so that a few words come to every rule and as often pass.
LOOSE = CleanConfig(min_instruction_words=2, min_response_words=2, max_response_words=7, max_rouge_l=0.8)
TEXTS = st.lists(st.sampled_from([*NAMES[:9], "I cannot", ".", "WORD1"]), max_size=9).map(" ".join)
MADE = st.tuples(TEXTS, st.sampled_from([LAKES, HILLS]), st.sampled_from(["stop", "stop", "length"]))


@settings(max_examples=40)
@given(st.lists(MADE, max_size=12))
def test_every_row_is_kept_or_rejected_once(made: list[tuple[str, Seed, str]]) -> None:
    rows = [written(of, text, instruction=text, finish=end, draw=n) for n, (text, of, end) in enumerate(made)]
    fields: tuple[Literal["instruction", "response"], ...] = ("instruction", "response")
    for field in fields:
        kept, rejects = clean.clean(rows, field, [LAKES, HILLS], [], LOOSE)
        assert sorted([row.id for row in kept] + [reject.row for reject in rejects]) == sorted(row.id for row in rows)
        assert clean.clean(kept, field, [LAKES, HILLS], [], LOOSE) == (kept, [])  # what is clean stays clean
