"""The funnel: what the records of an iteration's artifacts say, in the order in which they were made."""

from pathlib import Path
from typing import Any

import pytest

from tasks.evolution.funnel import FunnelRow, funnel
from tasks.store.artifacts import Ref, Spec, Store


def made(store: Store, stage: str, **record: Any) -> Ref:
    spec = Spec(stage=stage, version=1)
    with store.draft(spec) as draft:
        draft.record |= {"seconds": 2.5} | record
    found = store.find(spec)
    assert found
    return found


def one(tmp_path: Path, **record: Any) -> FunnelRow:
    store = Store(tmp_path)
    (row,) = funnel(store, {"label": made(store, "stage", **record)})
    return row


def test_stages_come_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    store = Store(tmp_path)
    refs = {label: made(store, stage) for label, stage in [("write [answers]", "b"), ("split", "c"), ("gate", "a")]}
    assert [row.label for row in funnel(store, refs)] == ["write [answers]", "split", "gate"]
    assert funnel(store, {}) == []


def test_a_stage_shows_what_went_in_what_came_out_and_what_was_rejected(tmp_path: Path) -> None:
    row = one(tmp_path, counts={"in": 9, "out": 6}, rejected={"overlap": 2, "refusal": 1})
    assert row == FunnelRow(
        label="label", rows_in=9, rows_out=6, rejected={"overlap": 2, "refusal": 1}, seconds=2.5, note=""
    )


def test_a_stage_that_counts_nothing_shows_no_zeros(tmp_path: Path) -> None:
    row = one(tmp_path)
    assert (row.rows_in, row.rows_out, row.rejected, row.note) == (None, None, {}, "")


def test_nothing_out_of_something_is_a_zero(tmp_path: Path) -> None:
    row = one(tmp_path, counts={"in": 0, "out": 0})
    assert (row.rows_in, row.rows_out) == (0, 0)


@pytest.mark.parametrize(
    ("record", "note"),
    [
        (
            {"retest": {"n": 8, "spread": 0.02}, "canaries": {"n": 13, "mean": -0.314}},
            "retest ±0.02, 13 canaries -0.31",
        ),
        ({"counts": {"in": 5, "out": 5, "low": 3, "high": 2}, "thresholds": {"V": 4.567}}, "low 3, high 2, V 4.57"),
        ({"thresholds": {"sft_keep": 8.0, "margin": 2.0}}, "sft_keep 8.00, margin 2.00"),
        ({"tokens": {"prompt": 900, "new": 70}, "requests": 7}, "70 tokens written"),
        (
            {"tokens": {"prompt": 9, "new": 7}, "requests": 7, "thresholds": {"V": 5}},
            "V 5.00, 9 tokens read",
        ),  # scores are a token each, and nobody's writing
        (
            {"counts": {"rows": 30}, "loss": {"before": 2.5, "after": 2.1251}, "moved": 0.00123, "trained_tokens": 90},
            "loss 2.500 → 2.125, moved 1.2e-03, trained on 90 tokens",
        ),
    ],
    ids=["judge", "split", "annotate", "write", "review", "train"],
)
def test_the_note_holds_what_a_person_wants_beside_the_counts(
    tmp_path: Path, record: dict[str, Any], note: str
) -> None:
    assert one(tmp_path, **record).note == note


def test_a_training_shows_the_rows_that_it_took_in(tmp_path: Path) -> None:
    row = one(tmp_path, counts={"rows": 30}, loss={"before": 2, "after": 1}, moved=0.1)
    assert (row.rows_in, row.rows_out) == (30, None)
