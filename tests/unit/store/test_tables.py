"""Rows on disk and in columns: what is read is what was written, and no more of it is made than is looked at."""

import gc
import importlib
import pkgutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tasks
from tasks.engines.calls import Answer
from tasks.store import tables
from tasks.store.columns import schema
from tasks.store.rows import Row, Seed, Written
from tasks.store.tables import column, where
from tasks.store.verified import Asked, Question
from tests.support.rows import seed, written

CHECKS = (Asked.of("lowercase", {}), Asked.of("contains", {"word": "Brücke"}))


def question(level: int = 0) -> Question:
    return Question(
        way="computed",
        seed="",
        instruction="1 + 1?",
        checks=CHECKS,
        iteration=1,
        draw=0,
        about="sum",
        level=level,
    )


def answer(n: int) -> Answer:
    return Answer(call=f"c{n}", log_probs=(-0.5, float(n)), prompt_tokens=1, new_tokens=n)


def stored(folder: Path, *rows: Row, name: str = "rows") -> Path:
    path = folder / f"{name}.parquet"
    tables.write(path, rows)
    return path


def kinds(of: type[Row] = Row) -> Iterator[type[Row]]:
    for module in pkgutil.walk_packages(tasks.__path__, "tasks."):
        if "execution" not in module.name and ".jobs" not in module.name and ".processes" not in module.name:
            importlib.import_module(module.name)
    for kind in of.__subclasses__():
        yield from kinds(kind)
        if hasattr(kind, "kind"):
            yield kind


def test_there_is_a_column_for_each_field_of_each_kind_of_row() -> None:
    found = {kind: schema(kind).names for kind in kinds()}
    assert len(found) > 12
    assert all(names == list(kind.model_fields) for kind, names in found.items())


@pytest.mark.parametrize(
    "rows",
    [
        [seed(), seed("Say ‘no’.\n", "🦆"), Seed(history=("a", "b"), instruction="c", response="")],
        [written(seed(), "x", flaw="vague"), written(seed(), "y", draw=1)],
        [question(), question(2)],
        [answer(0), answer(7)],
    ],
)
def test_rows_are_read_as_they_were_written(tmp_path: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "AT_ONCE", 2)
    kind, path = type(rows[0]), stored(tmp_path, *rows)
    found = tables.read([path], kind)
    assert found == rows
    assert [hash(row) for row in found] == [hash(row) for row in rows]  # tuples, and not lists
    assert list(found) == [kind.model_validate(row.model_dump(mode="json")) for row in rows]  # with these very ids
    assert [found[0], found[-1]] == [rows[0], rows[-1]]
    assert [*found[1:], *found[::-1]] == [*rows[1:], *rows[::-1]]
    assert found + rows == [*rows, *rows]
    assert tables.Rows.of(kind, iter(rows)) == rows
    some = [True, *[False] * (len(rows) - 2), True]
    for part in (found.where(some), where(rows, some), tables.Rows.of(kind, rows).where(some)):
        assert part == [rows[0], rows[-1]]
        assert part[-1] == rows[-1]
        assert column(part, "id") == [rows[0].id, rows[-1].id]
    stored(tmp_path, *found, name="again")
    tables.write(tmp_path / "some.parquet", found.where(some))
    assert tables.read([tmp_path / "some.parquet", path], kind).where([False, True, *some]) == [
        rows[-1],
        *rows[:: len(rows) - 1],
    ]
    assert found.column("id") == [row.id for row in rows]
    with pytest.raises(IndexError):
        found[len(rows)]


def test_tables_are_read_behind_each_other(tmp_path: Path) -> None:
    paths = [stored(tmp_path, *rows, name=str(n)) for n, rows in enumerate([[answer(1)], [], [answer(2), answer(3)]])]
    assert tables.read(paths, Answer) == [answer(1), answer(2), answer(3)]
    assert tables.read([], Answer) == []


def test_what_a_later_version_added_has_its_default(tmp_path: Path) -> None:
    before = question().model_dump(mode="json")  # without `level`, and without types: as tables were written before
    assert "level" not in before
    pq.write_table(pa.Table.from_pylist([before]), tmp_path / "rows.parquet")
    found = tables.read([tmp_path / "rows.parquet"], Question)
    assert found == [question()]
    assert found.column("level") == [0]


def test_a_column_of_another_type_is_named(tmp_path: Path) -> None:
    rows = pa.Table.from_pylist([answer(1).model_dump(mode="json") | {"new_tokens": "many"}])
    pq.write_table(rows, tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match=r"rows.parquet: not rows of the kind answer .*many"):
        list(tables.read([tmp_path / "rows.parquet"], Answer))


def test_rows_are_written_and_gone_through_without_all_being_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "AT_ONCE", 100)
    count, start = 5000, seed()
    path = tmp_path / "rows.parquet"
    tables.write(path, [written(start, "what is imported at the first time")])
    assert len(list(tables.read([path], Written))) == 1
    gc.collect()
    tracemalloc.start()
    try:
        assert tables.write(path, (written(start, f"text {n}", draw=n) for n in range(count))) == count
        most = tracemalloc.get_traced_memory()[1]
        found = tables.read([path], Written)
        tracemalloc.reset_peak()
        assert sum(row.draw for row in found) == count * (count - 1) // 2
        most = max(most, tracemalloc.get_traced_memory()[1])
        whole = list(found)
        assert most < tracemalloc.get_traced_memory()[0] / 4
    finally:
        tracemalloc.stop()
    assert len(whole) == count


def test_no_file_is_open_for_longer_than_it_is_read(tmp_path: Path) -> None:
    paths = [stored(tmp_path, answer(n), name=str(n)) for n in range(200)]
    before = len(list(Path("/proc/self/fd").iterdir()))
    found = tables.read(paths, Answer)
    assert len(list(found)) == 200
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 20
    assert found[150] == answer(150)
