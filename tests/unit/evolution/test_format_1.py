"""A store as an earlier version wrote it is read: its ledger, its artifacts, and each row of each table.

`tests/support/store_format_1.tar.xz` holds an iteration of a tiny model by LANCE 0.1.0 before rows became columns,
weights and tokenizers left out.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.cli import explain, show
from flows.report import html
from tasks.evolution import lookup
from tasks.store.artifacts import Store
from tasks.store.home import Home
from tasks.store.rows import Row
from tests.support.old_store import unpacked

NAME = "tiny"
MODELS = ("sft", "dpo", "base-model")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return unpacked(tmp_path_factory.mktemp("format-1"))


def kinds(of: type[Row] = Row) -> Iterator[type[Row]]:
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def kind_of(table: Path) -> type[Row]:
    """By the ids of its rows, which begin with it."""
    (first, *_) = pq.read_table(table, columns=["id"]).column("id").to_pylist()
    return next(kind for kind in kinds() if getattr(kind, "kind", None) == first.rpartition("-")[0])


def test_the_ledger_is_read_and_its_artifacts_are_whole(home: Home) -> None:
    found = lookup.find(home, NAME)
    assert found.iteration.verdict.decision == "hold" and len(found.stages) > 20
    whole = {label: found.store.find(ref) for label, ref in found.stages.items() if ref.stage not in MODELS}
    assert len(whole) > 20 and all(whole.values()), whole


def test_each_row_of_each_table_is_read(home: Home) -> None:
    store, read = Store(home.store), 0
    for label, ref in lookup.find(home, NAME).stages.items():
        for table in store.table_files(ref):
            count = pq.read_metadata(table).num_rows
            if count and "id" in pq.read_schema(table).names:
                made = list(store.rows(ref, kind_of(table), table.stem))
                ids = pq.read_table(table, columns=["id"]).column("id").to_pylist()
                assert [row.id for row in made] == ids, (label, table.stem)
                read += count
    assert read > 300


def test_what_people_ask_of_it_is_answered(home: Home, tmp_path: Path) -> None:
    found = lookup.find(home, NAME)
    summary = show.summary(found)
    assert summary["funnel"][0]["label"] == "seeds"
    (row, *_) = show.rows(found, "annotate", 1)["sft"]
    assert explain.explain(home, row["id"], NAME, True).row == row["id"]
    html.write(home, found.ledger, 1, tmp_path / "report.html")
    assert "</html>" in (tmp_path / "report.html").read_text()
