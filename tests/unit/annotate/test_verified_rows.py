"""Verified rows: nothing that failed is learned from, pairs are alike in length, and every family has its turn."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.annotate.verified_rows import difficulty, shortage, verified_rows
from tasks.recipe.verification import VerifyConfig
from tasks.store.examples import PreferencePair, SftRow
from tasks.store.reviews import Scored
from tasks.store.rows import Rejected, Written
from tasks.store.verified import Question, Verdicts
from tasks.text.words import length
from tests.support.rows import answered, checked, question, review

Made = tuple[list[SftRow], list[PreferencePair], list[Rejected]]


def group(name: str, outcomes: str, about: str = "no_commas") -> tuple[Question, list[Written], list[Any]]:
    """A question with an answer for each letter: p passes, f fails, ? cannot be told."""
    of = question(f"Say {name}.", about=about, no_commas={})
    rows = [answered(of, f"{name} answer number {n} " + "word " * n, draw=n) for n in range(len(outcomes))]
    said = {"p": "pass", "f": "fail", "?": "cannot tell"}
    return of, rows, [checked(of, row, said[one]) for row, one in zip(rows, outcomes, strict=True)]


def made(groups: list[tuple[Question, list[Written], list[Any]]], scored: Scored | None = None, **config: Any) -> Made:
    known = Verdicts([of for of, _, _ in groups], [row for _, _, rows in groups for row in rows])
    answers = [row for _, rows, _ in groups for row in rows]
    return verified_rows([of for of, _, _ in groups], answers, known, scored or Scored([]), VerifyConfig(**config))


def test_what_passes_is_learned_and_preferred_to_what_fails() -> None:
    of, rows, verdicts = group("yes", "pff")
    (sft,), (pair,), rejects = made([(of, rows, verdicts)])
    assert (sft.instruction, sft.response, sft.score) == (of.instruction, rows[0].response, None)
    assert sft.parents == (rows[0].id, verdicts[0].id)
    assert (pair.chosen, pair.rejected) == (rows[0].response, rows[1].response), "the one nearest in length"
    assert rejects == []


@pytest.mark.parametrize(("outcomes", "teaches"), [("pppppppp", 0), ("pppppppf", 0), ("ppppppff", 1), ("f" * 8, 0)])
def test_what_is_always_met_or_never_teaches_nothing(outcomes: str, teaches: int) -> None:
    sft, pairs, rejects = made([group("yes", outcomes)])
    assert (bool(sft), bool(pairs)) == (bool(teaches), bool(teaches))
    if outcomes.count("p") > 6:
        assert {reject.rule for reject in rejects} == {"teaches nothing"}
        assert "at most 6 wanted" in rejects[0].detail


def test_where_verdicts_are_ignored_nothing_is_known_to_be_met() -> None:
    sft, pairs, _ = made([group("yes", "pppppppp")], verdicts="ignored", pairs=0)
    assert (len(sft), pairs) == (2, [])


def test_equal_answers_say_how_often_a_question_is_met_and_one_of_them_is_trained_on() -> None:
    """A model that answers in a word says the same to one question eight times over, and to two questions."""

    def equal(name: str, outcomes: str) -> tuple[Question, list[Written], list[Any]]:
        of = question(f"How much is {name}?", about="sum", no_commas={})
        rows = [answered(of, "Seven." if one == "p" else "Eight.", draw=n) for n, one in enumerate(outcomes)]
        said = {"p": "pass", "f": "fail"}
        return of, rows, [checked(of, row, said[one]) for row, one in zip(rows, outcomes, strict=True)]

    groups = [equal("three and four", "pppppppf"), equal("two and five", "ppppffff"), equal("six and one", "pfffffff")]
    sft, pairs, rejects = made(groups)
    assert [row.instruction for row in sft] == ["How much is two and five?", "How much is six and one?"]
    assert [(pair.instruction, pair.chosen, pair.rejected) for pair in pairs] == [
        (row.instruction, "Seven.", "Eight.") for row in sft
    ]
    assert Counter(reject.rule for reject in rejects) == {"teaches nothing": 7, "duplicate": 3}
    known = Verdicts([of for of, _, _ in groups], [row for _, _, rows in groups for row in rows])
    asked = [of.model_copy(update={"way": "computed", "level": 1}) for of, _, _ in groups]
    assert {of.id for of in asked} == {of.id for of, _, _ in groups}
    assert difficulty([row for _, rows, _ in groups for row in rows], known)["sum"]["passed"] == 12


def test_of_an_edited_text_there_are_pairs_alone() -> None:
    of, rows, verdicts = group("yes", "pf")
    edited = of.model_copy(update={"way": "hindsight"})
    assert edited.id == of.id
    for samples in (3, 8):  # hindsight samples nothing
        sft, pairs, rejects = made([(edited, rows, verdicts)], ways=["hindsight"], samples=samples)
        assert (sft, len(pairs), rejects) == ([], 1, [])
    assert shortage(sft, pairs, VerifyConfig(ways=("hindsight",))) == []
    assert len(shortage(sft, pairs, VerifyConfig(ways=("hindsight", "computed")))) == 1


def test_pairs_differ_little_in_length() -> None:
    of = question("Go on.", no_commas={})
    short, long = answered(of, "One word more here."), answered(of, "word " * 40, draw=1)
    verdicts = [checked(of, short, "pass"), checked(of, long, "fail")]
    assert made([(of, [short, long], verdicts)])[1] == []
    assert len(made([(of, [short, long], verdicts)], length_ratio=None)[1]) == 1


def test_families_have_their_turn_and_what_is_too_much_is_a_reject() -> None:
    groups = [group(f"a{n}", "ppff", "bullets") for n in range(6)] + [group("b", "ppff", "no_commas")]
    sft, pairs, rejects = made(groups, sft_rows=4, pairs=3)
    assert (len(sft), len(pairs)) == (4, 3)
    assert sum(row.instruction == "Say b." for row in sft) == 2
    assert Counter(reject.rule for reject in rejects)["beyond target"] == 14 - 4 + 14 - 3
    first = {row.instruction for row in made(groups, sft_rows=7)[0]}
    assert len(first) == 6, "all first rows before a second one, but for the family that has only one question"


@given(st.lists(st.text("pf?", min_size=1, max_size=8), min_size=1, max_size=5), st.integers(1, 3), st.integers(1, 9))
def test_whatever_the_verdicts_nothing_that_failed_is_learned_from(outcomes: list[str], each: int, most: int) -> None:
    groups = [group(f"g{n}", of) for n, of in enumerate(outcomes)]
    sft, pairs, rejects = made(groups, rows_per_question=each, pairs_per_question=each, sft_rows=most, pairs=most)
    said = [pair for (_, rows, _), of in zip(groups, outcomes, strict=True) for pair in zip(rows, of, strict=True)]
    passed, failed = ({row.response for row, one in said if one == letter} for letter in "pf")
    assert {row.response for row in sft} <= passed
    assert {pair.chosen for pair in pairs} <= passed
    assert {pair.rejected for pair in pairs} <= failed
    assert all(0.5 <= length(pair.rejected) / length(pair.chosen) <= 2 for pair in pairs)
    assert len(sft) <= most and len(pairs) <= most
    assert max(Counter(row.instruction for row in sft).values(), default=0) <= each
    known = {parent for one in (*sft, *pairs, *rejects) for parent in one.parents}
    assert {row.id for row, one in said if one == "p"} <= known, "a row, in a pair, or a reject"


def test_no_score_lets_an_answer_pass_that_rules_can_check() -> None:
    of = question("Go on.", no_commas={})
    row = answered(of, "One, two.")
    with pytest.raises(ValueError, match="no score lets it pass"):
        SftRow.of(row, review(row, 10))
    with pytest.raises(ValueError, match="no score makes it chosen"):
        PreferencePair.of(row, review(row, 10), answered(of, "Two.", 1), review(answered(of, "Two.", 1), 0))


@pytest.mark.parametrize("outcome", ["fail", "cannot tell", ""])
def test_no_row_is_made_of_what_did_not_pass(outcome: str) -> None:
    of = question("Go on.", no_commas={})
    row, other = answered(of, "One, two."), answered(of, "Two, three.", 1)
    known = Verdicts([of], [checked(of, row, outcome), checked(of, other, "fail")] if outcome else [])
    with pytest.raises(ValueError, match="can never be an SFT row"):
        SftRow.of_verified(row, known)
    with pytest.raises(ValueError, match="can never be chosen"):
        PreferencePair.of_verified(row, other, known)


def test_nothing_is_rejected_that_is_not_known_to_be_wrong() -> None:
    of = question("Go on.", no_commas={})
    row, other = answered(of, "One two."), answered(of, "Two three.", 1)
    known = Verdicts([of], [checked(of, row, "pass"), checked(of, other, "cannot tell")])
    with pytest.raises(ValueError, match="not known to be wrong"):
        PreferencePair.of_verified(row, other, known)


def test_two_questions_make_no_pair() -> None:
    one, two = question("Go on.", no_commas={}), question("Stop.", no_commas={})
    right, wrong = answered(one, "One."), answered(two, "Two, three.")
    known = Verdicts([one, two], [checked(one, right, "pass"), checked(two, wrong, "fail")])
    with pytest.raises(ValueError, match="answer two questions"):
        PreferencePair.of_verified(right, wrong, known)


def test_what_is_missing_is_said() -> None:
    asked = VerifyConfig(ways=("given", "computed"))
    assert shortage([], [], asked)[0].startswith("no verified SFT row")
    assert "--rows` 'check [given]' and 'check [computed]'" in shortage([], [], asked)[0]
    sft, pairs, _ = made([group("yes", "pff")])
    assert shortage(sft, pairs, VerifyConfig()) == []
    assert shortage(sft, [], VerifyConfig(pairs=0)) == []
    assert len(shortage(sft, [], VerifyConfig())) == 1


def test_the_guard_leaves_out_what_a_reviewer_puts_lowest() -> None:
    one = group("yes", "ppppff")
    scored = Scored([review(row, score) for row, score in zip(one[1], (5, 1, 9, None, 0, 0), strict=True)])
    every = {"rows_per_question": 9, "samples": 6}
    sft, pairs, rejects = made([one], scored, guard=0.34, **every)
    assert {row.response for row in sft} == {one[1][n].response for n in (0, 2, 3)}
    assert one[1][1].response not in {pair.chosen for pair in pairs}
    assert [(out.row, out.rule, out.detail) for out in rejects] == [
        (one[1][1].id, "guard", "score 1.00, among the lowest 34% of what passes")
    ]
    for settings, scores in (({"guard": 0.0}, scored), ({"guard": 0.5}, Scored([]))):
        assert len(made([one], scores, **every, **settings)[0]) == 4


def test_what_a_guard_leaves_out_was_met_all_the_same() -> None:
    one = group("yes", "pppppppp")
    scored = Scored([review(row, n) for n, row in enumerate(one[1])])
    sft, _, rejects = made([one], scored, guard=0.5)
    assert sft == [] and {reject.rule for reject in rejects} == {"teaches nothing"}
