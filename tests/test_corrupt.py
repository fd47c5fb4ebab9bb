"""Corruptions: surely other than the response, and the same ones each time."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.corrupt import MIN_WORDS, corrupted

RESPONSE = "Ladoga is the largest lake of Europe, and Onega comes next to it."
OTHERS = ["The Po.", RESPONSE, "A hill."]
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "\n"]), max_size=9).map(" ".join)


@given(TEXTS, st.lists(TEXTS, max_size=3), st.integers(0, 50).map(str))
def test_a_corruption_is_another_text_whatever_the_response(response: str, others: list[str], key: str) -> None:
    found = corrupted(response, others, key)
    words = response.split()
    assert ("mismatched" in found) == any(other != response for other in others)
    assert ("truncated" in found) == ("shuffled" in found) == (len(set(words)) >= MIN_WORDS)
    for kind, text in found.items():
        assert text != response
        match kind:
            case "mismatched":
                assert text in others
            case "truncated":
                cut = text.split()
                assert words[: len(cut)] == cut != []
            case "shuffled":
                assert Counter(text.split()) == Counter(words)
                assert text.split() != words


@pytest.mark.parametrize("response", ["One two three four.", "One two three four five."])
def test_a_truncated_response_lacks_a_word_whatever_the_key(response: str) -> None:
    lengths = {len(corrupted(response, [], str(n))["truncated"].split()) for n in range(300)}
    assert min(lengths) >= 1
    assert max(lengths) < len(response.split())


def test_a_long_response_keeps_between_two_and_nine_tenths() -> None:
    response = " ".join(map(str, range(100)))
    lengths = [len(corrupted(response, [], str(n))["truncated"].split()) for n in range(200)]
    assert 40 <= min(lengths) < 50
    assert 80 < max(lengths) <= 90


def test_the_key_alone_makes_the_chance() -> None:
    assert corrupted(RESPONSE, OTHERS, "a") == corrupted(RESPONSE, OTHERS, "a")
    drawn = [corrupted(RESPONSE, OTHERS, str(n)) for n in range(20)]
    assert {found["mismatched"] for found in drawn} == {"The Po.", "A hill."}
    assert len({found["shuffled"] for found in drawn}) > 15
    assert len({found["truncated"] for found in drawn}) > 3
