"""The table of `bench-evolution`: it finds what was planted, and its intervals know of the luck of a training."""

import numpy as np
import pytest

from tests.bench.evolution.tables import ABILITIES, Arm, Table, Values

DOCUMENTS, SEEDS = 300, (1, 2, 3)
BASE = 0.3


def values(chance: np.random.Generator, share: float) -> Values:
    """As many documents solved as `share` says, on each axis."""
    return {axis: {f"{axis}{n}": float(chance.random() < share) for n in range(DOCUMENTS)} for axis in ABILITIES}


def table(luck: float = 0.0, **shares: float) -> Table:
    """Arms by name (`robust` is robust 1), each training of which is better or worse by so much."""
    chance, found = np.random.default_rng(1), Table()
    base = values(chance, BASE)
    for name, share in shares.items():
        for seed, by in zip(SEEDS, (-luck, 0.0, luck), strict=True):
            arm = Arm(
                name.replace("robust", "robust 1"), seed, values(chance, share + by), {"sft": 9}, {}, "promote", 60
            )
            found.add(arm, base)
    return found


def test_a_planted_gain_is_found_and_no_gain_is_none() -> None:
    made = table(robust=0.4, unverified=0.3)
    for axis in ABILITIES:
        low, middle, high = made.interval("robust 1", (axis,))
        assert low < middle < high
        assert abs(middle - 0.1) < 0.08
    assert made.interval("robust 1", ABILITIES)[0] > 0
    low, _, high = made.interval("unverified", ABILITIES)
    assert low < 0 < high


def test_it_is_better_than_a_control_by_the_difference_of_their_gains() -> None:
    found = table(robust=0.4, unverified=0.3).better_than()
    low, middle, high = found["unverified"]
    assert 0 < low < middle < high
    assert middle == pytest.approx(0.1, abs=0.05)
    assert set(found) == {"unverified"}


def test_the_luck_of_a_training_widens_the_interval() -> None:
    steady, lucky = (table(luck, robust=0.4).interval("robust 1", ABILITIES) for luck in (0.0, 0.1))
    assert lucky[2] - lucky[0] > 1.5 * (steady[2] - steady[0])


def test_the_summary_counts_promotions_in_a_row() -> None:
    made = table(robust=0.4, unverified=0.3)
    assert made.summary()["promoted_in_a_row"] == 1
    held = Arm("robust 2", 1, made.arms[0].measured, {}, {}, "hold", 60)
    made.add(held, made.base)
    assert made.summary()["promoted_in_a_row"] == 1
    assert made.figures()["trainings"][0]["tokens"] == {"sft": 9}
