"""Whatever a file holds: it is read or refused in words, and every row is a seed, a reject, or left out."""

import csv
import gzip
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.recipe.data import ReadingConfig
from tasks.seeds.files import READERS
from tasks.seeds.forms import FORMS
from tasks.seeds.reading import CUT, DROPS, REPAIRS, read

TEXT = st.text("aB 1\n\0é中\"',;{}[]<|", max_size=5) | st.sampled_from(["user", "assistant", "system", "[]", "####4"])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
MESSAGE = st.dictionaries(st.sampled_from(["role", "content", "from", "value", "tool_calls", "text"]), PLAIN | TEXT)
ANY = st.recursive(
    PLAIN | MESSAGE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
COLUMNS = sorted(
    {column for form in FORMS for column in form.used} | {"answer", "choices", "tests", "check", "arguments"}
)
ROW = st.dictionaries(st.sampled_from(COLUMNS), ANY, max_size=5)
WELL_FORMED = st.sampled_from(FORMS).flatmap(
    lambda form: st.fixed_dictionaries(
        {column: st.lists(MESSAGE) if form.messages else TEXT for column in form.columns}
    )
)
CONFIG = st.builds(
    ReadingConfig,
    max_rows=st.none() | st.integers(1, 5),
    max_words=st.integers(1, 5),
    malformed_share=st.sampled_from([0.0, 0.5, 1.0]),
    system=st.sampled_from(["before question", "drop", "reject"]),
    turn=st.sampled_from(["first", "last"]),
)
quickly = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)


def read_or_refused(file: Path, config: ReadingConfig) -> int | None:
    """Rows that were read; None if the file was refused, in words."""
    counts: list[int] = []
    refused: ValueError | None = None
    try:
        found = read(file, config, counts.append)
    except ValueError as error:
        refused = error
    if refused:
        assert type(refused) is ValueError and file.name in str(refused)
        assert "expected" in str(refused) or "are no seeds; reading.malformed_share" in str(refused), refused
        return None
    dropped = [reject for reject in found.rejects if reject.rule in DROPS]
    assert found.rows_read == len(found.seeds) + len(dropped) + found.left_out == counts[-1]
    assert {reject.rule for reject in found.rejects} <= {*DROPS, *REPAIRS, CUT}
    return found.rows_read


@quickly
@given(st.lists(ROW | WELL_FORMED, min_size=1, max_size=6), CONFIG)
def test_any_values_in_json_lines(tmp_path: Path, rows: list[dict[str, Any]], config: ReadingConfig) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert read_or_refused(file, config) in (None, len(rows))


@quickly
@given(ANY | st.dictionaries(st.sampled_from(["train", "test", "columns", "data", "0", *COLUMNS]), ANY, max_size=4))
def test_any_value_in_json(tmp_path: Path, value: Any) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(value), encoding="utf-8")
    read_or_refused(file, ReadingConfig(malformed_share=1.0))


@quickly
@given(st.lists(WELL_FORMED, min_size=1, max_size=5), CONFIG)
def test_any_values_in_parquet(tmp_path: Path, rows: list[dict[str, Any]], config: ReadingConfig) -> None:
    columns = {name: [row.get(name) for row in rows] for row in rows for name in row}
    try:
        pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    except (pa.ArrowException, TypeError, OverflowError):  # values of several types, which Parquet has none for
        return
    assert read_or_refused(tmp_path / "a.parquet", config) in (None, len(rows))


@quickly
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), st.sampled_from(",;\t|"), CONFIG)
def test_any_texts_in_csv(tmp_path: Path, rows: list[tuple[str, str]], separator: str, config: ReadingConfig) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows([("prompt", "response"), *rows])
    (tmp_path / "a.csv").write_text(text.getvalue(), encoding="utf-8", newline="")
    assert read_or_refused(tmp_path / "a.csv", config) in (None, len(rows))


WHOLE = {
    ".jsonl": b'{"prompt": "a", "response": "b"}\n{"messages": [{"role": "user", "content": "c"}]}\n',
    ".json": b'[{"prompt": "a", "response": "b"}, {"question": "c", "answer": "\\u00e9"}]',
    ".csv": b'prompt;response\r\n"a ""b""";c\r\nd;e\r\n',
    ".tsv": b"prompt\tresponse\na\tb\n",
    ".jsonl.gz": gzip.compress(b'{"prompt": "a", "response": "b"}\n', mtime=0),
}


@quickly
@given(st.data())
def test_any_bytes_in_any_file(tmp_path: Path, data: st.DataObject) -> None:
    ending = data.draw(st.sampled_from(sorted({*WHOLE, *READERS})))
    content = bytearray(WHOLE.get(ending, b"PAR1"))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    (tmp_path / f"a{ending}").write_bytes(content)
    read_or_refused(tmp_path / f"a{ending}", data.draw(CONFIG))


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv"])
def test_memory_is_bounded_by_the_file(tmp_path: Path, ending: str) -> None:
    rows = [{"prompt": f"a{n}", "response": "b é " * 100} for n in range(5_000)]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(map(dict.values, rows))
    content = {
        ".jsonl": "\n".join(map(json.dumps, rows)),
        ".json": json.dumps(rows),
        ".csv": f"prompt,response\n{text.getvalue()}",
    }
    file = tmp_path / f"a{ending}"
    file.write_text(content[ending], encoding="utf-8")
    tracemalloc.start()
    try:
        read(file, ReadingConfig(), lambda count: None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    print(ending, peak / file.stat().st_size)
    assert peak < 10 * file.stat().st_size
