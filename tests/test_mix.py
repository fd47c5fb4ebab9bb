"""The training mix: shares of the whole, human rows and reviews beside what was written, each text once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.examples import SftRow, TrainRow
from tasks.mix import mix
from tasks.train_config import MixConfig
from tests.rows import review, seed, written


def kept(count: int, start: int = 0) -> list[SftRow]:
    rows = [written(seed(), f"answer {n}", instruction=f"Say {n}.") for n in range(start, start + count)]
    return [SftRow.of(row, review(row, 9)) for row in rows]


HUMAN = [seed(f"Tell {n}.", f"It is {n}.") for n in range(200)]
SKILL = [TrainRow(instruction=f"Grade {n}.", response="Score: 7", origin="skill") for n in range(200)]


@given(st.integers(1, 60), st.floats(0, 0.45), st.floats(0, 0.45))
def test_shares_are_of_the_whole_but_for_a_row(count: int, human: float, skill: float) -> None:
    rows = mix(kept(count), HUMAN, SKILL, MixConfig(human_share=human, skill_share=skill))
    for origin, share in (("given", human), ("skill", skill)):
        found = sum(row.origin == origin for row in rows)
        if found < 200:
            assert share * len(rows) - 1 <= found <= share * len(rows) + 2
    assert sum(row.origin == "written" for row in rows) == count


def test_without_shares_there_is_nothing_beside_what_was_written() -> None:
    rows = mix(kept(3), HUMAN, SKILL, MixConfig())
    assert [row.response for row in rows] == ["answer 0", "answer 1", "answer 2"]


def test_a_row_of_two_iterations_stands_once() -> None:
    assert len(mix(kept(3) + kept(3, start=1), [], [], MixConfig())) == 4


def test_the_choice_hangs_on_content_alone() -> None:
    config = MixConfig(human_share=0.5)
    one, other = (mix(kept(5), rows, [], config) for rows in (HUMAN, HUMAN[::-1]))
    assert {row.id for row in one} == {row.id for row in other}


def test_the_seeds_alone_are_all_of_them() -> None:
    rows = mix([], HUMAN, SKILL, MixConfig(human_share=1))
    assert [(row.instruction, row.origin) for row in rows] == [(one.instruction, "given") for one in HUMAN]


def test_shares_that_leave_nothing_for_the_written_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="below 1"):
        MixConfig(human_share=0.6, skill_share=0.4)
