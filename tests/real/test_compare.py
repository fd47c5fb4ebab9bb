"""Candidates side by side: each one's own figures, and a page that is one file."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from flows.cli import compare
from tasks.evolution.lookup import Found
from tasks.store.home import Home
from tests.real.test_export import ledger_of, two_iterations


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[compare.Candidate]:
    home = Home(tmp_path_factory.mktemp("compare"))
    one, two = ledger_of(*two_iterations(home)).iterations
    better = [axis.model_copy(update={"candidate": -1.25}) for axis in two.verdict.axes]  # the scripted model never is
    two = two.model_copy(update={"verdict": two.verdict.model_copy(update={"axes": tuple(better)})})
    ledger = ledger_of().model_copy(update={"iterations": [one, two]})
    return [compare.Candidate.of(Found(home, ledger, found)) for found in ledger.iterations]


def test_each_has_its_own_figures(rows: list[compare.Candidate]) -> None:
    assert [row.name for row in rows] == ["mine/1", "mine/2"]
    assert rows[0].cells["champion was"] == "M_0"
    for row in rows:
        assert row.ability
        assert row.cells[compare.UNITS].startswith(f"{row.ability[0]:+.2f} [")
        assert {"verdict", "log-likelihood", "preference", "length", "kl", "tokens written"} <= row.cells.keys()
    assert rows[0].cells["log-likelihood"].startswith("-2.")
    assert rows[1].cells["log-likelihood"].startswith("-1.250 (")


def test_the_table_has_a_column_for_each(rows: list[compare.Candidate]) -> None:
    out = io.StringIO()
    compare.print_compared(rows, Console(file=out, width=140))
    text = out.getvalue()
    assert "mine/1" in text and "mine/2" in text
    assert rows[1].cells["log-likelihood"] in text


def test_the_page_is_one_file(rows: list[compare.Candidate], tmp_path: Path) -> None:
    compare.write_html(rows, tmp_path / "compared.html")
    text = (tmp_path / "compared.html").read_text()
    assert all(cell.replace("+", "&#43;") in text.replace("+", "&#43;") for row in rows for cell in row.cells.values())
    assert text.count("<svg") == 1 and "<script" not in text and "src=" not in text
