"""Annotate: what becomes an example or a pair; strict thresholds, and no flawed text ever on the good side."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.annotate.pairs import pairs
from tasks.annotate.sft_rows import sft_rows, shortage
from tasks.recipe.data import AnnotateConfig, Branch
from tasks.recipe.values import Threshold
from tasks.store.reviews import Scored
from tasks.store.rows import Seed, Written
from tests.support.rows import review, seed, written

SCORES = st.floats(0, 10) | st.none()
THRESHOLDS = st.floats(-10, 10).map(lambda score: Threshold(score=score)) | st.floats(0, 1).map(
    lambda share: Threshold(quantile=share)
)

BOTH: list[Branch] = ["sft", "preference"]


def at(sft_keep: Threshold | None = None, margin: Threshold | None = None) -> AnnotateConfig:
    """Thresholds that keep everything that may be kept, but for those that are given."""
    return AnnotateConfig(sft_keep=sft_keep or Threshold(score=-1), margin=margin or Threshold(score=0))


def answers(*scores: float | None) -> tuple[list[Written], Scored]:
    rows = [written(seed(), f"answer {n}", instruction=f"Say {n}.") for n in range(len(scores))]
    return rows, Scored([review(row, score) for row, score in zip(rows, scores, strict=True)])


def family(name: str, original: float | None, *flawed: float | None) -> tuple[Seed, list[Written], Scored]:
    """A high seed, its flawed responses, and their scores."""
    of = seed(f"Say {name}.", f"{name}, as it should be")
    rows = [written(of, f"{name}, flawed {n}", branch="high", flaw="wrong") for n in range(len(flawed))]
    found = [review(row, score) for row, score in zip(rows, flawed, strict=True)]
    return of, rows, Scored([review(of, original), *found])


def test_an_example_scores_strictly_above_the_threshold() -> None:
    rows, scored = answers(8.0, 8.01, 7.99)
    kept, rejects, threshold = sft_rows(rows, scored, at(Threshold(score=8)))
    assert [(row.response, row.score, row.parents[0]) for row in kept] == [("answer 1", 8.01, rows[1].id)]
    assert [(reject.row, reject.rule, reject.text) for reject in rejects] == [
        (rows[0].id, "score", "answer 0"),
        (rows[2].id, "score", "answer 2"),
    ]
    assert rejects[1].detail == "7.99, expected above 8.00"
    assert threshold == 8


def test_a_quantile_for_examples_is_of_the_low_branch_alone() -> None:
    rows, scored = answers(1, 2, 3, None)
    flawed = written(seed(), "flawed", branch="high", flaw="wrong")
    both = Scored([*(review(row, scored.score(row)) for row in rows[:3]), review(flawed, 10)])
    kept, rejects, threshold = sft_rows([flawed, *rows], both, at(Threshold(quantile=0.5)))
    assert ([row.response for row in kept], len(rejects), threshold) == (["answer 2"], 2, 2)


def test_rejected_is_the_lowest_and_chosen_the_original() -> None:
    of, rows, scored = family("yes", 9.0, 5.0, 3.0, None, 4.0)
    (pair,), rejects, _ = pairs([of], rows, scored, at(margin=Threshold(score=2)))
    assert (pair.instruction, pair.chosen, pair.rejected) == (of.instruction, of.response, rows[1].response)
    assert (pair.chosen_score, pair.rejected_score, pair.seed) == (9, 3, of.id)
    assert [(reject.row, reject.rule) for reject in rejects] == [(r.id, "enough pairs") for r in (rows[3], rows[0])]
    assert (pair.parents[0], pair.parents[2]) == (of.id, rows[1].id)


@pytest.mark.parametrize(("worst", "kept"), [(7.0, 0), (6.99, 1)])
def test_a_margin_is_strictly_above_the_threshold(worst: float, kept: int) -> None:
    of, rows, scored = family("yes", 9.0, 8.0, worst)
    found, rejects, threshold = pairs([of], rows, scored, at(margin=Threshold(score=2)))
    assert (len(found), threshold) == (kept, 2)
    details = {reject.row: (reject.rule, reject.detail) for reject in rejects}
    assert details.pop(rows[0].id) == ("margin", "1.00 below the chosen one, expected above 2.00")
    assert details == ({} if kept else {rows[1].id: ("margin", "2.00 below the chosen one, expected above 2.00")})


@pytest.mark.parametrize("margin", [Threshold(quantile=0.1), Threshold(score=-5)])
def test_a_margin_is_never_below_zero(margin: Threshold) -> None:
    of, rows, scored = family("yes", 5.0, 8.0)
    found, rejects, threshold = pairs([of], rows, scored, at(margin=margin))
    assert (len(found), len(rejects), threshold) == (0, 1, 0)


def test_an_answer_is_no_part_of_a_pair() -> None:
    of, rows, _ = family("yes", 9.0, 3.0)
    answer = written(of, "an answer", branch="low")
    scored = Scored([review(of, 9.0), review(rows[0], 3.0), review(answer, 0.0)])
    (pair,), _, _ = pairs([of], [answer, *rows], scored, at())
    assert pair.rejected == rows[0].response


@pytest.mark.parametrize(("original", "flawed"), [(None, (3.0,)), (9.0, (None, None)), (9.0, ())])
def test_without_a_score_on_both_sides_there_is_no_pair(
    original: float | None, flawed: tuple[float | None, ...]
) -> None:
    of, rows, scored = family("yes", original, *flawed)
    high = [of] if original is not None else []  # the split leaves a seed without a score on no side
    found, rejects, threshold = pairs(high, rows, scored, at(margin=Threshold(quantile=0.5)))
    assert (len(found), len(rejects), math.isnan(threshold)) == (0, 0, True)


def all_rows(scores: Sequence[tuple[float, list[float | None]]]) -> tuple[list[Seed], list[Written], Scored]:
    """Several families, each with a flawed and an honest text for every score."""
    high, rows, found = [], [], []
    for n, (original, others) in enumerate(scores):
        of, flawed, _ = family(str(n), original, *others)
        honest = [written(of, f"{n} answer {i}", instruction=f"Say {n} {i}.") for i in range(len(others))]
        found += [review(of, original)]
        found += [review(row, score) for texts in (flawed, honest) for row, score in zip(texts, others, strict=True)]
        high.append(of)
        rows += [*flawed, *honest]
    return high, rows, Scored(found)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 10), st.lists(SCORES, max_size=4)), max_size=4), THRESHOLDS, THRESHOLDS)
def test_whatever_the_scores_a_flawed_text_is_never_learned_from(
    scores: list[tuple[float, list[float | None]]], sft_keep: Threshold, margin: Threshold
) -> None:
    high, rows, scored = all_rows(scores)
    flawed = {row.response for row in rows if row.flaw}
    kept, low_scores, least = sft_rows(rows, scored, at(sft_keep))
    found, low_margins, lowest_margin = pairs(high, rows, scored, at(margin=margin))

    assert not flawed & {row.response for row in kept}
    assert not flawed & {pair.chosen for pair in found}
    assert {pair.rejected for pair in found} <= flawed
    assert all(row.score is not None and row.score > least for row in kept)
    assert all(pair.margin > lowest_margin >= 0 for pair in found)
    # Every text with a score is decided on, once; one without takes no part.
    honest = [row.id for row in rows if row.branch == "low" and row in scored]
    assert sorted([row.parents[0] for row in kept] + [reject.row for reject in low_scores]) == sorted(honest)
    decided = [row.id for row in rows if row.flaw and row in scored]
    assert sorted([pair.parents[2] for pair in found] + [reject.row for reject in low_margins]) == sorted(decided)


def test_rows_of_both_kinds_are_no_shortage() -> None:
    of, rows, scored = family("yes", 9.0, 3.0)
    found, _, margin_at = pairs([of], rows, scored, at())
    low, of_low = answers(9.0)
    kept, _, sft_at = sft_rows(low, of_low, at())
    assert shortage(kept, found, sft_at, margin_at, BOTH) == []
    (only_pairs,) = shortage([], found, 8.0, margin_at, BOTH)
    (only_rows,) = shortage(kept, [], sft_at, 2.0, BOTH)
    assert only_pairs.startswith("no SFT row: ")
    assert only_rows.startswith("no pair: ")
    assert shortage([], found, 8.0, margin_at, ["preference"]) == shortage(kept, [], sft_at, 2.0, ["sft"]) == []


def test_a_shortage_names_the_threshold_its_value_and_what_to_change() -> None:
    no_rows, no_pairs = shortage([], [], 8.0, 2.0, BOTH)
    for problem, name in ((no_rows, "annotate.sft_keep (8.00)"), (no_pairs, "annotate.margin (2.00)")):
        assert name in problem
        assert "lower it or use a quantile" in problem


def test_where_nothing_was_scored_a_shortage_names_the_step_before() -> None:
    no_rows, no_pairs = shortage([], [], math.nan, math.nan, BOTH)
    assert "clean [answers]" in no_rows
    assert "clean [flawed]" in no_pairs
    assert "nan" not in no_rows + no_pairs
