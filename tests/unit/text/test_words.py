"""Measures of text, against plain definitions."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.words import (
    distinct,
    extent,
    is_refusal,
    length,
    longest_repeat,
    repeated_share,
    rouge_l,
    rouge_l_f,
    said_again,
    words,
)

# One letter, several, and a number: the library treats single characters apart from other texts.
TOKENS = st.lists(st.sampled_from(["a", "b", "c", "the", "it's", "97"]), max_size=12)


def longest_common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, by the textbook's table."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, left in enumerate(a, 1):
        for j, right in enumerate(b, 1):
            both = max(table[i - 1][j], table[i][j - 1])
            table[i][j] = table[i - 1][j - 1] + 1 if left == right else both
    return table[-1][-1]


@given(TOKENS, TOKENS)
def test_rouge_l_is_the_common_subsequence_over_the_shorter_text(a: list[str], b: list[str]) -> None:
    expected = longest_common(a, b) / min(len(a), len(b)) if a and b else 0.0
    assert rouge_l(a, b) == pytest.approx(expected)


@given(TOKENS.filter(bool), TOKENS)
def test_a_text_within_another_overlaps_fully_both_ways(a: list[str], more: list[str]) -> None:
    assert rouge_l(a, [*more, *a]) == rouge_l([*a, *more], a) == 1


def test_words_are_lower_case_and_keep_their_apostrophe() -> None:
    assert words("It's 3 o'clock — Zürich, NOT so!") == ["it's", "3", "o'clock", "zürich", "not", "so"]
    assert words(" ... ") == []


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 0),
        ("a a a a", 0),  # one 4-gram, and none before it
        ("a a a a a", 1 / 2),
        ("a b c d e f", 0),
        ("a b c d a b c d", 1 / 5),
        ("Go on. " * 20, 35 / 37),
    ],
)
def test_the_repeated_share_counts_what_stood_before(text: str, share: float) -> None:
    assert repeated_share(text) == pytest.approx(share)


def test_distinct_takes_all_texts_together_and_no_pair_across_two() -> None:
    assert distinct(["a b c", "a b d"]) == 3 / 4
    assert distinct(["a b", "b a"]) == 1
    assert distinct(["a", ""]) == 0
    assert distinct(["a a b"], n=1) == 2 / 3


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that.",
        "im sorry, no",
        "I am sorry, I cannot do this.",
        "Sorry, that is not possible.",
        "I apologize, but that is beyond me.",
        "I apologise.",
        "Unfortunately, I can only speak English.",
        "Unfortunately I don't know.",
        "I cannot help you.",
        "I can't help you.",
        "I can not help you.",
        "I won't do it.",
        "I will not do it.",
        "I am unable to help.",
        "I'm unable to help.",
        "I am not able to help.",
        "I'm not able to help.",
        "As an AI, I have no body.",
        "As a language model, I have no body.",
        "As an artificial intelligence, I have no body.",
        ' **"I CANNOT help you."**',
        "I’m sorry, but I can’t assist with that.",  # the typographic apostrophe
        "I can’t assist with that.",
    ],
)
def test_a_text_that_begins_by_declining_is_a_refusal(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes.",
        "I can help you.",
        "I willingly help.",
        "The sign says: I cannot help you.",  # not at the beginning
        "Say that you're sorry, and mean it.",
        "As an aim, choose one that you can measure.",
        "As an airline pilot, you sleep little.",
        "As a language, Finnish is no harder than others.",
        "Unfortunately, the bridge is closed.",
        "Sorrymouth is a town.",
    ],
)
def test_what_only_looks_like_it_is_no_refusal(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(
    ("text", "longest"),
    [
        ("", 0),
        ("one", 0),
        ("one two three", 0),
        ("one two one two", 2),
        ("ha ha ha ha", 2),  # without overlap
        ("a b c d x a b c y", 3),
        ("a b c a b c a b c", 3),
        ("a b c d a b c d a b c d a b c d", 8),
    ],
)
def test_the_longest_repeat_in_words(text: str, longest: int) -> None:
    assert longest_repeat(text.split()) == longest


def test_scripts_without_spaces_are_counted_in_characters() -> None:
    assert words("我爱 bread, ขนม") == ["我", "爱", "bread", "ข", "น", "ม"]
    assert (length("我爱你。"), length("It's 3.5 m — so, 我")) == (4, 6)
    assert rouge_l(words("今天天气很好"), words("今天天气不好")) == pytest.approx(5 / 6)


@given(TOKENS, TOKENS)
def test_rouge_l_f_weighs_both_lengths(a: list[str], b: list[str]) -> None:
    expected = 2 * longest_common(a, b) / (len(a) + len(b)) if a and b else 0.0
    assert rouge_l_f(a, b) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 0),
        ("It rains. It pours.", 0),
        ("It rains. It pours. It RAINS!", 2 / 6),
        ("It rains\nIt rains\nIt rains", 4 / 6),
        ("It rains and it rains", 0),  # within a sentence: `repeated_share` sees that
        ("3.5 is 3.5", 0),
    ],
)
def test_said_again_counts_whole_sentences(text: str, share: float) -> None:
    assert said_again(text) == pytest.approx(share)


@pytest.mark.parametrize(("text", "words"), [("one two", 2), ("x" * 500, 50), ("word " * 100, 100), ("", 0)])
def test_a_text_without_spaces_is_long_too(text: str, words: int) -> None:
    assert extent(text) == words
