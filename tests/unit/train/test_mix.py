"""The training mix: shares of the whole, human rows and reviews beside what was written, each text once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.recipe.training import MixConfig
from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.rows import Seed
from tasks.train.mix import mix, preferences
from tests.support.rows import review, seed, written


def kept(count: int, start: int = 0) -> list[SftRow]:
    rows = [written(seed(), f"answer {n}", instruction=f"Say {n}.") for n in range(start, start + count)]
    return [SftRow.of(row, review(row, 9)) for row in rows]


HUMAN = [seed(f"Tell {n}.", f"It is {n}.") for n in range(200)]
SKILL = [TrainRow.of_review("You grade.", f"Grade {n}.", "Score: 7", ()) for n in range(200)]


@given(st.integers(1, 60), st.floats(0, 0.45), st.floats(0, 0.45))
def test_shares_are_of_the_whole_but_for_a_row(count: int, human: float, skill: float) -> None:
    rows, rejects = mix(kept(count), HUMAN, SKILL, MixConfig(human_share=human, skill_share=skill))
    for origin, share in (("given", human), ("skill", skill)):
        found = sum(row.origin == origin for row in rows)
        if found < 200:
            assert share * len(rows) - 1 <= found <= share * len(rows) + 2
    assert sum(row.origin == "written" for row in rows) + len(rejects) == count


@given(st.integers(1, 60), st.integers(1, 30), st.floats(0.05, 0.9))
def test_the_human_share_is_a_minimum_however_few_there_are(count: int, human: int, share: float) -> None:
    rows, rejects = mix(kept(count), HUMAN[:human], [], MixConfig(human_share=share))
    written = len(rows) - sum(row.origin == "given" for row in rows)
    assert sum(row.origin == "given" for row in rows) >= share * len(rows) - 1e-9
    assert written + len(rejects) == count
    assert not rejects or written + 1 > human * (1 - share) / share - 1e-9, "as many as there is room for"


def test_where_there_are_too_few_human_rows_the_lowest_scored_stay_out() -> None:
    rows = [written(seed(), f"answer {n}", instruction=f"Say {n}.") for n in range(4)]
    scored = [SftRow.of(row, review(row, score)) for row, score in zip(rows, (3, 9, 5, 7), strict=True)]
    found, rejects = mix(scored, HUMAN[:1], [], MixConfig(human_share=0.34))
    assert [row.response for row in found] == ["answer 1", HUMAN[0].response]
    assert {(one.rule, one.text) for one in rejects} == {("human share", f"answer {n}") for n in (0, 2, 3)}
    found, rejects = mix(scored, [], [], MixConfig(human_share=0.34))
    assert (list(found), [one.rule for one in rejects]) == ([], ["human share"] * 4), "none, for none is human"


def test_without_shares_there_is_nothing_beside_what_was_written() -> None:
    rows, _ = mix(kept(3), HUMAN, SKILL, MixConfig())
    assert [row.response for row in rows] == ["answer 0", "answer 1", "answer 2"]


def test_a_row_of_two_iterations_stands_once() -> None:
    assert len(mix(kept(3) + kept(3, start=1), [], [], MixConfig())[0]) == 4


def test_the_same_texts_are_one_row_and_rejects() -> None:
    rows = kept(3)
    again = [rows[1].model_copy(update={"id": "sft-again"})]
    found, rejects = mix([*rows, *again], [], [], MixConfig())
    assert [row.instruction for row in found] == [rows[0].instruction, rows[2].instruction, rows[1].instruction]
    assert [(one.row, one.rule) for one in rejects] == [(rows[1].id, "duplicate")]


def test_the_choice_hangs_on_content_alone() -> None:
    config = MixConfig(human_share=0.5)
    one, other = (mix(kept(5), rows, [], config)[0] for rows in (HUMAN, HUMAN[::-1]))
    assert {row.id for row in one} == {row.id for row in other}


def test_the_seeds_alone_are_all_of_them() -> None:
    rows, _ = mix([], HUMAN, SKILL, MixConfig(human_share=1))
    assert [(row.instruction, row.origin) for row in rows] == [(one.instruction, "given") for one in HUMAN]


def test_shares_that_leave_nothing_for_the_written_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="below 1"):
        MixConfig(human_share=0.6, skill_share=0.4)


def pair(chosen: str, rejected: str, asked: str = "Name a river.") -> PreferencePair:
    better, worse = (
        Seed(instruction=asked, response=chosen),
        written(seed(asked), rejected, branch="high", flaw="wrong"),
    )
    return PreferencePair.of(better, review(better, 9), worse, review(worse, 2))


def test_of_each_prompt_the_newest_pairs_are_taken_over_all_iterations() -> None:
    old, new, newest = pair("The Elbe.", "The Alps."), pair("The Elbe.", "Rome."), pair("The Elbe.", "Seven.")
    elsewhere = pair("The Elbe.", "The Alps.", asked="What flows through Dresden?")
    found, rejects = preferences([old, elsewhere, new, newest], 2, 0)
    assert found == [elsewhere, new, newest]
    assert [(one.row, one.rule) for one in rejects] == [(old.id, "enough pairs")]


def test_pairs_by_rules_and_by_scores_have_a_limit_of_their_own() -> None:
    by_score = [pair("The Elbe.", "The Alps."), pair("The Elbe.", "Rome.")]
    by_rules = [
        one.model_copy(update={"id": f"pair-{n}", "rejected": f"{n}.", "chosen_score": None, "rejected_score": None})
        for n, one in enumerate(by_score * 2)
    ]
    found, rejects = preferences([*by_score, *by_rules], 1, 3)
    assert found == [by_score[1], *by_rules[1:]]
    assert sorted(one.detail for one in rejects) == [
        "annotate.pairs_per_prompt is 1, and newer ones are there",
        "verify.pairs_per_question is 3, and newer ones are there",
    ]


def test_the_same_texts_of_two_iterations_stand_once() -> None:
    old = pair("The Elbe.", "The Alps.")
    again = old.model_copy(update={"id": "pair-2"})
    found, rejects = preferences([old, again], 9, 0)
    assert found == [again]
    assert [(one.row, one.rule) for one in rejects] == [(old.id, "duplicate")]


@pytest.mark.parametrize(
    "older", [pair("The Alps.", "The Elbe."), pair("The Po.", "The Elbe."), pair("Rome.", "The Po.")]
)
def test_what_was_preferred_before_and_is_rejected_now_goes(older: PreferencePair) -> None:
    newer = pair("The Elbe.", "Rome.")
    found, rejects = preferences([older, newer], 9, 0)
    assert newer in found
    assert [one.rule for one in rejects] == ["contradiction"]
