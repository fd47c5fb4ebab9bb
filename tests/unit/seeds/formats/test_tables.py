from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.cffi import ffi

from tasks.seeds.files import read_rows
from tests.unit.seeds.formats.test_formats import ROWS, assert_refused, write


def strings(ends: list[int], text: bytes) -> pa.Array:
    """Strings that end there in the text, whatever that makes of them."""
    offsets = np.array([0, *ends], np.int32).tobytes()
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(text))


BAD_TEXT = strings([1, 2, 3], b"a\xffc")


def test_parquet(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [*ROWS, {"prompt": None, "response": "A"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=2)
    pq.write_table(pa.table({"messages": [[{"role": "user", "content": "Q"}]]}), tmp_path / "b.parquet")
    found = list(read_rows(tmp_path))
    assert [row.values for row in found] == [*rows, {"messages": [{"role": "user", "content": "Q"}]}]
    assert [row.source for row in found] == ["a.parquet:1", "a.parquet:2", "a.parquet:3", "b.parquet:1"]


def test_arrow_streams_and_files(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    for kind, name in ((pa.ipc.new_stream, "stream.arrow"), (pa.ipc.new_file, "file.arrow")):
        with kind(tmp_path / name, table.schema) as out:
            out.write_table(table, 1)
        assert [row.values for row in read_rows(tmp_path / name)] == ROWS


def test_without_rows_or_with_damaged_pages_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"prompt": pa.array([], pa.string())}), path)
    assert_refused(path, ["a.parquet", "at least one row", "add rows"])
    pq.write_table(pa.table({"prompt": [f"text {n}" for n in range(1000)]}), path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xaa" * 396
    assert_refused(write(path, bytes(content)), ["a.parquet, after row 0", "whole Parquet file", "again"])


def test_a_text_that_is_no_utf8_is_one_bad_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": BAD_TEXT}), tmp_path / "a.parquet")
    first, bad, last = read_rows(tmp_path / "a.parquet")
    assert (first.values, last.values) == ({"prompt": "a"}, {"prompt": "c"})
    assert "plain values" in bad.problem and "UTF8" in bad.problem and last.source == "a.parquet:3"


def test_a_text_that_lies_elsewhere_in_memory_is_one_bad_row(tmp_path: Path) -> None:
    table = pa.table({"prompt": strings([1, 41, 2, 3], b"abc")})
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as out:
        out.write_table(table)
    first, beyond, before, last = read_rows(tmp_path / "a.arrow")
    assert (first.values, last.values) == ({"prompt": "a"}, {"prompt": "c"})
    assert all("plain values, found" in one.problem and "ffset" in one.problem for one in (beyond, before))


def test_rows_without_a_byte_are_not_believed(tmp_path: Path) -> None:
    """Of as many empty rows as it says no memory could hold the list."""
    batch = pa.RecordBatch.from_arrays([pa.Array.from_buffers(pa.null(), 2**31 - 1, [None])], ["prompt"])
    with pa.ipc.new_stream(tmp_path / "a.arrow", batch.schema) as out:
        out.write_batch(batch)
    assert_refused(tmp_path / "a.arrow", ["a.arrow, after row 0", f"{2**31 - 1} rows in 0 bytes", "again"])


def test_a_type_that_pyarrow_cannot_read_is_said(tmp_path: Path) -> None:
    """Months between dates: Arrow has them, and pyarrow no class for them."""
    array, schema = ffi.new("struct ArrowArray*"), ffi.new("struct ArrowSchema*")
    addresses = [int(ffi.cast("uintptr_t", one)) for one in (array, schema)]
    pa.RecordBatch.from_pydict({"prompt": pa.array([1, 2], pa.int32())})._export_to_c(*addresses)
    schema.children[0].format = _alive = ffi.new("char[]", b"tiM")
    batch = pa.RecordBatch._import_from_c(*addresses)
    with pa.ipc.new_stream(tmp_path / "a.arrow", batch.schema) as out:
        out.write_batch(batch)
    assert [one.problem for one in read_rows(tmp_path / "a.arrow")] == [
        "expected plain values, found a type of value that pyarrow cannot read; mend the row"
    ] * 2
