"""Review-skill data: the review that a pair deserves, in the words in which a model is asked for one."""

import pytest

from tasks.review.anchors import human
from tasks.review.constitution import load
from tasks.review.faults import BREAKS, COMES_OUT_AS
from tasks.review.signals.read import PREFIX
from tasks.review.signals.sampled import parse
from tasks.review.skill import SAID, rows
from tests.support.rows import seed

SEEDS = [
    seed(f"Say in two sentences what lake {n} is.", f"Lake {n} is deep. It has {n} islands.") for n in range(10, 22)
]
ANCHORS = human(SEEDS, draws=1)
CONSTITUTION = load()


def test_every_corruption_has_its_words() -> None:
    assert SAID.keys() == BREAKS.keys() | COMES_OUT_AS.keys()


def test_every_corruption_is_taught_in_both_forms() -> None:
    pairs = zip(rows(ANCHORS, CONSTITUTION), ANCHORS, strict=True)
    forms = {(anchor.corruption, row.response.startswith(PREFIX)) for row, anchor in pairs}
    assert forms == {(kind, form) for kind in SAID for form in (True, False)}


def test_rationales_and_digits_end_in_the_score_that_is_due() -> None:
    found = rows(ANCHORS, CONSTITUTION)
    assert len(found) == len(ANCHORS)
    for row, anchor in zip(found, ANCHORS, strict=True):
        due = 10 - len(BREAKS[anchor.state])
        assert row.parents == (anchor.id, anchor.seed)
        assert anchor.response in row.instruction
        assert row.system == CONSTITUTION.prompt()
        if row.response.startswith(PREFIX):
            assert row.response == f"{PREFIX}{round(due * 0.9)}"
        else:
            assert parse(row.response) == due
            assert SAID[anchor.corruption] in row.response
            broken = [p.text for p in CONSTITUTION.principles if p.id in BREAKS[anchor.state]]
            assert all(text.rstrip(".") in row.response for text in broken)


def test_what_is_good_gets_full_marks() -> None:
    found = [
        row for row, anchor in zip(rows(ANCHORS, CONSTITUTION), ANCHORS, strict=True) if anchor.corruption == "good"
    ]
    assert {row.response.rpartition(" ")[2] for row in found} <= {"10", "9"}


@pytest.mark.parametrize("field", ["system", "instruction", "response"])
def test_nothing_is_empty(field: str) -> None:
    assert all(getattr(row, field).strip() for row in rows(ANCHORS, CONSTITUTION))
