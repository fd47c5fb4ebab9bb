"""The table of `bench-evolution`: it finds what was planted, and its intervals know of the luck of a training."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from unittest.mock import Mock, call

import numpy as np
import pytest

from tests.bench.evolution.__main__ import trainings
from tests.bench.evolution.arms import Arm, Values, axes, kept
from tests.bench.evolution.bench import Bench
from tests.bench.evolution.tables import ABILITIES, Table

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
            measured = axes(base, values(chance, share + by))
            about = {"tokens": {"sft": 9}, "epochs": {"sft": 2.0}, "rows": {}, "minutes": 1, "processor": "2 cores"}
            arm = Arm(name.replace("robust", "robust 1"), seed, measured, verdict="promote", **about)  # type: ignore[arg-type]
            found.add(arm)
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


def test_means_of_three_seeds_are_drawn_as_far_apart_as_new_ones_would_be() -> None:
    """With the documents left aside: a bootstrap of three ends with its extremes, which are two of three seeds."""
    found = Table()
    for seed, after in zip(SEEDS, (0.0, 0.3, 0.6), strict=True):
        one = {axis: {f"{n}": after for n in range(2)} for axis in ABILITIES}
        made = axes({axis: dict.fromkeys(("0", "1"), 0.0) for axis in ABILITIES}, one)
        found.add(replace(table(robust=0.4).arms[0], seed=seed, axes=made))
    low, middle, high = found.interval("robust 1", ABILITIES)
    assert middle == pytest.approx(0.3)
    spread = 0.3  # the standard deviation of the three
    error = spread * 1.5**0.5 * 4.303 / 1.96  # Student's t with two degrees of freedom, over the normal's
    assert (low, high) == pytest.approx((0.3 - error, 0.3 + error), abs=1e-3)


def test_an_arm_without_a_candidate_leaves_the_others_alone() -> None:
    made, bench = table(robust=0.4), Mock(spec=Bench)
    bench.evolve.return_value = [None]
    bench.arm.side_effect = lambda name, seed, one: None if name == "unverified" else replace(made.arms[0], name=name)
    found = list(islice(trainings(bench, made, ["unverified", "seed-sft"], [1]), 1))
    assert [arm.name for arm in found] == ["seed-sft"]


def test_the_summary_counts_promotions_in_a_row() -> None:
    made = table(robust=0.4, unverified=0.3)
    assert made.summary()["promoted_in_a_row"] == 1
    made.add(replace(made.arms[0], name="robust 2", verdict="hold"))
    assert made.summary()["promoted_in_a_row"] == 1
    assert made.figures()["trainings"][0]["tokens"] == {"sft": 9}


def test_trainings_of_another_machine_are_read_as_they_were(tmp_path: Path) -> None:
    made = table(robust=0.4, unverified=0.3)
    for arm in made.arms:
        arm.save(tmp_path)
    again = Table()
    for arm in kept(tmp_path):
        again.add(arm)
    assert sorted(again.arms, key=lambda arm: arm.label) == sorted(made.arms, key=lambda arm: arm.label)
    assert again.arm("unverified", 3)
    assert not again.arm("unverified", 4)
    assert again.summary() == made.summary()


def test_a_control_gets_the_tokens_of_a_first_iteration_that_another_machine_trained() -> None:
    made, bench = table(robust=0.4), Mock(spec=Bench)
    bench.evolve.return_value = [None]
    bench.arm.side_effect = lambda name, seed, one: replace(made.arms[0], name=name, seed=seed)
    for arm in islice(trainings(bench, made, ["unverified"], [2, 4]), 3):
        made.add(arm)
    assert bench.evolve.call_args_list == [
        call("unverified", 2, 1, "sft.tokens=9"),
        call("robust", 4, 1),
        call("unverified", 4, 1, "sft.tokens=9"),
    ]


def test_trainings_that_were_asked_other_documents_are_refused() -> None:
    made, base = table(robust=0.4), values(np.random.default_rng(2), BASE)
    other = {axis: {f"{document}?": value for document, value in found.items()} for axis, found in base.items()}
    with pytest.raises(ValueError, match="unverified, training seed 1 was asked other documents than robust 1"):
        made.add(replace(made.arms[0], name="unverified", axes=axes(other, other)))
    with pytest.raises(ValueError, match="other documents before"):
        axes(base, other)
