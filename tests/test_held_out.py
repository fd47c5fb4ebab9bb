"""What is held out: chosen by content alone, so that neither order nor growth of the set moves a seed."""

import random

import pytest

from tasks.records import Seed
from tasks.seeds import split_held_out


def seeds_of(*instructions: str) -> list[Seed]:
    return [Seed(instruction=text, response=f"answer {n}") for n, text in enumerate(instructions)]


NUMBERED = seeds_of(*(f"Instruction {n}" for n in range(500)))


def test_the_held_out_share_is_about_as_asked_and_in_order() -> None:
    pool, held_out = split_held_out(NUMBERED, 0.2)
    assert 70 <= len(held_out) <= 130
    held = {seed.id for seed in held_out}
    assert held_out == [seed for seed in NUMBERED if seed.id in held]
    assert pool == [seed for seed in NUMBERED if seed.id not in held]


def test_the_choice_is_frozen_by_content() -> None:
    """Neither order nor growth moves a seed."""
    held_out = split_held_out(NUMBERED, 0.2)[1]
    shuffled = random.Random(0).sample(NUMBERED, len(NUMBERED))
    assert {seed.id for seed in split_held_out(shuffled, 0.2)[1]} == {seed.id for seed in held_out}
    fewer = split_held_out(NUMBERED[:250], 0.2)[1]
    assert fewer == held_out[: len(fewer)]
    # printf 'instruction 5' | sha256sum starts with a byte below 0.2 * 256; so for the others, and for none between.
    assert [seed.instruction.split()[1] for seed in held_out[:4]] == ["5", "8", "13", "16"]


def test_the_same_instruction_is_never_on_both_sides() -> None:
    twins = [*NUMBERED, *(Seed(instruction=f" instruction\n{n}", response="other") for n in range(500))]
    pool, held_out = split_held_out(twins, 0.5)
    words = [{" ".join(seed.instruction.lower().split()) for seed in part} for part in (pool, held_out)]
    assert not words[0] & words[1]
    assert len(words[0]) + len(words[1]) == 500


@pytest.mark.parametrize("share", [0.0001, 0.5, 1.0])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_neither_part_is_empty(share: float, count: int) -> None:
    pool, held_out = split_held_out(NUMBERED[:count], share)
    assert pool
    assert held_out
    assert len(pool) + len(held_out) == count
    if share == 0.0001:
        assert len(held_out) == 1
    if share == 1.0:
        assert len(pool) == 1


@pytest.mark.parametrize(
    ("seeds", "share"), [(NUMBERED, 0.0), (NUMBERED[:1], 0.9), (seeds_of("Q", " q "), 0.9), ([], 0.5)]
)
def test_nothing_is_held_out_where_nothing_can_be(seeds: list[Seed], share: float) -> None:
    assert split_held_out(seeds, share) == (seeds, [])
