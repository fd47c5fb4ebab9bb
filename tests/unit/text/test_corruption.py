"""Corruptions: surely other than the text, each in its own way, and the same ones each time."""

import json
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.review.constitution import load
from tasks.review.faults import BREAKS, COMES_OUT_AS
from tasks.text.corruption import INSTRUCTION, MIN_WORDS, RESPONSE, corrupted
from tasks.text.words import repeated_share

TEXT = "Ladoga is the largest lake of Europe.\nIt covers 17700 km², and Onega comes next to it."
OTHERS = ["The Po.", TEXT, "A hill."]
TEXTS = st.lists(st.sampled_from(["a", "b", "is", "not", "7", "d.", "\n"]), max_size=9).map(" ".join)
KINDS = {**RESPONSE, **INSTRUCTION}


def drawn(kind: str, text: str = TEXT, count: int = 200) -> list[str]:
    """Corruptions of one kind with many keys."""
    found = [corrupted(text, OTHERS, str(n), {kind: KINDS[kind]}) for n in range(count)]
    return [one[kind] for one in found if one]


@given(TEXTS, st.lists(TEXTS, max_size=3), st.integers(0, 50).map(str))
def test_a_corruption_is_another_text_whatever_the_text(text: str, others: list[str], key: str) -> None:
    found = corrupted(text, others, key, RESPONSE)
    assert ("mismatched" in found) == any(other != text for other in others)
    assert ("shuffled" in found) == (len(set(text.split())) >= MIN_WORDS)
    assert all(made != text for made in found.values())


def test_every_kind_says_which_principles_it_breaks() -> None:
    known = {principle.id: principle.of for principle in load().principles}
    assert BREAKS.keys() | COMES_OUT_AS.keys() == {"good", *RESPONSE, *INSTRUCTION}
    assert COMES_OUT_AS.keys().isdisjoint(BREAKS) and set(COMES_OUT_AS.values()) <= BREAKS.keys()
    assert {name for broken in BREAKS.values() for name in broken} <= set(known)
    for kind in RESPONSE:
        assert {known[name] for name in BREAKS[kind]} == {"response"}
    assert BREAKS["good"] == ()


@pytest.mark.parametrize("text", ["One two three four.", "One two three four five."])
def test_a_truncated_text_lacks_a_word_whatever_the_key(text: str) -> None:
    lengths = {len(cut.split()) for cut in drawn("truncated", text)}
    assert min(lengths) >= 1
    assert max(lengths) < len(text.split())


def test_a_long_text_keeps_between_two_and_nine_tenths_and_its_white_space() -> None:
    text = "\n".join(map(str, range(100)))
    found = drawn("truncated", text)
    lengths = [len(cut.split()) for cut in found]
    assert 40 <= min(lengths) < 50
    assert 80 < max(lengths) <= 90
    assert all(text.startswith(cut) for cut in found)


def test_a_shuffled_text_has_the_same_words() -> None:
    assert all(Counter(made.split()) == Counter(TEXT.split()) for made in drawn("shuffled"))
    assert len(set(drawn("shuffled"))) > 150


def test_a_repeated_text_says_something_again() -> None:
    for made in drawn("repeated"):
        assert made.startswith(TEXT)
        assert repeated_share(made) > 0.1
    assert len(set(drawn("repeated"))) == 6  # two sentences, one to three times


def test_a_contradiction_changes_one_number_or_one_negation() -> None:
    found = drawn("contradicted")
    numbers = {made for made in found if " not" not in made}
    negated = set(found) - numbers
    assert negated == {TEXT.replace(" is ", " is not ")}
    assert len(numbers) > 10
    for made in numbers:
        assert re.sub(r"\d+", "#", made) == re.sub(r"\d+", "#", TEXT)
    assert drawn("contradicted", "It is not so.") == ["It is so."] * 200
    assert drawn("contradicted", "Lakes and hills.") == []


def test_another_format_keeps_the_words() -> None:
    found = set(drawn("misformatted"))
    assert found == {TEXT.upper(), json.dumps({"answer": TEXT}), "# " + TEXT.replace("\n", "\n# ")}


def test_a_vague_instruction_says_nothing_of_its_matter() -> None:
    assert {"Ladoga is", "Tell me about it."} <= set(drawn("vague"))


def test_the_key_alone_makes_the_chance() -> None:
    assert corrupted(TEXT, OTHERS, "a", RESPONSE) == corrupted(TEXT, OTHERS, "a", RESPONSE)
    assert set(drawn("mismatched")) == {"The Po.", "A hill."}
    one = corrupted(TEXT, OTHERS, "a", {"shuffled": RESPONSE["shuffled"]})
    assert one["shuffled"] == corrupted(TEXT, OTHERS, "a", RESPONSE)["shuffled"], "kinds share no chance"


@pytest.mark.parametrize("text", ["人工智能是计算机科学的一个分支，" * 40, "word " * 400])
def test_a_text_without_a_full_stop_does_not_grow_without_bound(text: str) -> None:
    for made in drawn("repeated", text, 50):
        assert made.startswith(text) and len(made.encode()) <= len(text.encode()) + 3 * 201
