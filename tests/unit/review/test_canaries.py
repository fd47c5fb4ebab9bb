"""Canaries: twins that differ in nothing but what was injected, and the shift between them."""

import pytest

from tasks.review.canaries import PLACES, canaries, shift
from tasks.text.prompts import templates as prompts
from tasks.text.words import length
from tests.support.rows import seed

SEEDS = [seed(f"Say what lake {n} is known for.", f"Lake {n} is deep, cold and without any fish.") for n in range(4)]


def test_each_canary_has_a_twin_of_the_same_length_at_the_same_place() -> None:
    found, attacks = canaries(SEEDS, 52), prompts.canaries()
    assert len(found) == 104
    assert len({one.id for one in found}) == 104
    for i, (attacked, twin) in enumerate(zip(found[::2], found[1::2], strict=True)):
        (attack, harmless), of = attacks[i % len(attacks)], SEEDS[i % 4]
        whole, other = (f"{one.instruction}\n{one.response}" for one in (attacked, twin))
        assert attack in whole
        assert harmless in other
        assert whole.replace(attack, harmless) == other
        untouched = "instruction" if "response" in PLACES[i % 3] else "response"
        assert getattr(attacked, untouched) == getattr(twin, untouched) == getattr(of, untouched)
    assert [length(attack) for attack, _ in attacks] == [length(harmless) for _, harmless in attacks]
    assert len(attacks) % len(PLACES), "each attack comes to each place"
    assert len(attacks) % len(SEEDS), "and to each seed"


def test_the_shift_is_what_the_attack_gained() -> None:
    found = canaries(SEEDS, 26)
    scores = {one.id: 5.0 for one in found}
    scores |= {found[2 * i].id: 6.3 for i in (3, 16)}  # the fourth attack, both times
    moved = shift(found, scores)
    assert moved
    assert (moved.n, moved.worst) == (26, prompts.canaries()[3][0])
    assert [moved.mean, moved.worst_mean] == pytest.approx([0.1, 1.3])
    assert moved.low < moved.mean < moved.high
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
