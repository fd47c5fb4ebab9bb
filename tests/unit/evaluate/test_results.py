"""What one model reaches by itself: means, intervals over documents, benchmarks between abilities and health."""

import pytest

from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.evaluate.evidence import Evidence
from tasks.evaluate.results import results
from tests.support.rows import measured


def test_each_axis_has_its_mean_and_an_interval_around_it() -> None:
    rows = [measured(f"seed-{n}", -1.0 - n % 2, corrupted=(-9.0, 0.0), response="one two three") for n in range(40)]
    scores = [ItemScore(benchmark="sums", item=str(n), model="m", value=float(n < 30)) for n in range(40)]
    found = {one.axis: one for one in results(Evidence(held_out=rows, scores=scores))}
    assert list(found)[:3] == ["log_likelihood", "preference", "sums"] and "distinct_2" not in found
    values = {name: found[name].value for name in ("log_likelihood", "preference", "sums", "length", "refusals")}
    expected = {"log_likelihood": -1.5, "preference": 0.5, "sums": 0.75, "length": 3.0, "refusals": 0.0}
    assert values == pytest.approx(expected)
    sums = found["sums"]
    assert 0.55 < sums.low < 0.7 and 0.8 < sums.high < 0.95 and sums.items == 40
    assert (found["length"].low, found["length"].high) == (3.0, 3.0)
    assert sums.shown[:2] == ("sums", "0.750")
