"""What is held out and what calibrates: chosen by content alone, so that neither order nor growth moves a seed."""

import random

import pytest

from tasks.seeds.parts import Parts, divide
from tasks.store.rows import Seed


def seeds_of(*instructions: str) -> list[Seed]:
    return [Seed(instruction=text, response=f"answer {n}") for n, text in enumerate(instructions)]


NUMBERED = seeds_of(*(f"Instruction {n}" for n in range(500)))


def test_the_held_out_share_is_about_as_asked_and_in_order() -> None:
    parts = divide(NUMBERED, 0.2, 0)
    pool, held_out = parts.pool, parts.held_out
    assert 70 <= len(held_out) <= 130
    held = {seed.id for seed in held_out}
    assert held_out == [seed for seed in NUMBERED if seed.id in held]
    assert pool == [seed for seed in NUMBERED if seed.id not in held]


def test_the_choice_is_frozen_by_content() -> None:
    """Neither order nor growth moves a seed."""
    held_out = divide(NUMBERED, 0.2, 0).held_out
    shuffled = random.Random(0).sample(NUMBERED, len(NUMBERED))
    assert {seed.id for seed in divide(shuffled, 0.2, 0).held_out} == {seed.id for seed in held_out}
    fewer = divide(NUMBERED[:250], 0.2, 0).held_out
    assert fewer == held_out[: len(fewer)]
    # printf 'instruction 5' | sha256sum starts with a byte below 0.2 * 256; so for the others, and for none between.
    assert [seed.instruction.split()[1] for seed in held_out[:4]] == ["5", "8", "13", "16"]


def test_the_same_instruction_is_never_on_both_sides() -> None:
    twins = [*NUMBERED, *(Seed(instruction=f" instruction\n{n}", response="other") for n in range(500))]
    parts = divide(twins, 0.4, 0.3)
    words = [
        {" ".join(seed.instruction.lower().split()) for seed in part}
        for part in (parts.pool, parts.held_out, parts.anchors)
    ]
    assert len(set.union(*words)) == sum(map(len, words)) == 500


def test_anchors_lie_beside_what_is_held_out_and_move_none_of_it() -> None:
    parts = divide(NUMBERED, 0.2, 0.3)
    assert parts.held_out == divide(NUMBERED, 0.2, 0).held_out
    assert 110 <= len(parts.anchors) <= 190
    assert divide(NUMBERED[:250], 0.2, 0.3).anchors == parts.anchors[: len(divide(NUMBERED[:250], 0.2, 0.3).anchors)]
    assert sorted(s.id for s in [*parts.pool, *parts.held_out, *parts.anchors]) == sorted(s.id for s in NUMBERED)


@pytest.mark.parametrize(
    ("held_out", "anchors"), [(0.0001, 0.0001), (0.5, 0.5), (1.0, 0.0001), (0.0001, 1.0), (1.0, 1.0)]
)
@pytest.mark.parametrize("count", [3, 4, 10])
def test_no_part_with_a_share_is_empty(held_out: float, anchors: float, count: int) -> None:
    parts = divide(NUMBERED[:count], held_out, anchors)
    sizes = len(parts.pool), len(parts.held_out), len(parts.anchors)
    assert min(sizes) >= 1
    assert sum(sizes) == count


def test_of_two_instructions_one_is_measured_on_and_none_calibrates() -> None:
    parts = divide(NUMBERED[:2], 0.1, 0.1)
    assert (len(parts.pool), len(parts.held_out), len(parts.anchors)) == (1, 1, 0)


@pytest.mark.parametrize(
    ("seeds", "share"), [(NUMBERED, 0.0), (NUMBERED[:1], 0.9), (seeds_of("Q", " q "), 0.9), ([], 0.5)]
)
def test_nothing_is_held_out_where_nothing_can_be(seeds: list[Seed], share: float) -> None:
    assert divide(seeds, share, 0) == Parts(pool=seeds, held_out=[], anchors=[])


def test_there_is_a_most_of_what_is_held_out_and_of_what_calibrates() -> None:
    free, parts = divide(NUMBERED, 0.2, 0.3), divide(NUMBERED, 0.2, 0.3, held_out_most=20, anchors_most=30)
    assert (len(parts.held_out), len(parts.anchors), len(parts.pool)) == (20, 30, 450)
    assert {seed.id for seed in parts.held_out} < {seed.id for seed in free.held_out}
    assert {seed.id for seed in parts.anchors} < {seed.id for seed in free.anchors}
    assert divide(NUMBERED, 0.2, 0.3, held_out_most=500, anchors_most=500) == free
