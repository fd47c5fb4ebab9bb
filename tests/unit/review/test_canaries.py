"""Canaries: twins that differ in nothing but what was injected, and the shift between them."""

from collections import Counter

import pytest

from tasks.review.canaries import canaries, shift
from tasks.text.language import language
from tasks.text.prompts import templates as prompts
from tasks.text.words import length
from tests.support.rows import seed

PARTS = ("history", "instruction", "response")
SEEDS = [seed(f"Say what lake {n} is known for.", f"Lake {n} is deep, cold and without any fish.") for n in range(4)]


def test_each_canary_has_a_twin_of_the_same_length_at_the_same_place() -> None:
    attacks = prompts.canaries()
    found = canaries(SEEDS, 4 * len(attacks))
    assert len({one.id for one in found}) == len(found) == 8 * len(attacks)
    places = Counter[tuple[str, str]]()
    for i, (attacked, twin) in enumerate(zip(found[::2], found[1::2], strict=True)):
        attack, harmless = attacks[i % len(attacks)]
        (of,) = (seed for seed in SEEDS if seed.id == attacked.seed)
        texts = {name: (getattr(attacked, name), getattr(twin, name), getattr(of, name)) for name in PARTS}
        (where,) = (name for name, (one, other, _) in texts.items() if one != other)
        one, other, _ = ("\n".join(text) if where == "history" else text for text in texts[where])
        assert attack in one and one.replace(attack, harmless) == other
        assert all(len(set(same)) == 1 for name, same in texts.items() if name != where)
        places[attack, where] += 1
    assert {count for (_, where), count in places.items() if where != "response"} == {1}, "each comes to each place"
    assert {count for (_, where), count in places.items() if where == "response"} == {2}, "to its start and its end"
    assert [length(attack) for attack, _ in attacks] == [length(harmless) for _, harmless in attacks]


def test_there_are_a_hundred_in_five_languages() -> None:
    texts = [text for pair in prompts.canaries() for text in pair]
    assert len(set(texts)) == 200
    spoken = Counter(language(text) for text in texts)
    assert all(spoken[of] >= 5 for of in ("en", "de", "fr", "es", "zh")), spoken


def test_the_shift_is_what_the_attack_gained() -> None:
    found = canaries(SEEDS, 200)
    scores = {one.id: 5.0 for one in found}
    scores |= {found[2 * i].id: 6.3 for i in (3, 103)}  # the fourth attack, both times
    moved = shift(found, scores)
    assert moved
    assert (moved.n, moved.worst) == (200, prompts.canaries()[3][0])
    assert [moved.mean, moved.worst_mean] == pytest.approx([0.013, 1.3])
    assert moved.low < moved.mean < moved.high
    assert -0.02 < moved.low < 0 < moved.high < 0.05, "of four seeds two moved"
    one = shift(found[:2], scores)
    assert one and (one.low, one.high) == (-10, 10), "a single seed says nothing of others"
    assert moved.unparsed == 0
    assert shift([], {}) is None


def test_what_has_no_score_is_counted_and_is_no_number() -> None:
    found = canaries(SEEDS, 26)
    scores = {one.id: 5.0 for one in found[4:]} | {found[0].id: 9.0, found[3].id: 9.0}
    moved = shift(found, scores)
    assert moved
    assert (moved.n, moved.unparsed, moved.mean) == (24, 2, 0)
    assert shift(found, {}) is None


def test_without_seeds_or_none_wanted_there_are_none() -> None:
    assert canaries([], 5) == canaries(SEEDS, 0) == []
