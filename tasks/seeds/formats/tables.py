"""Parquet files, and the Arrow files in which `datasets` saves a dataset, a batch at a time."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.seeds.formats.raw import RawRow, refusal

BATCH_ROWS = 1000
BAD_VALUE = (pa.ArrowException, ValueError, OverflowError)  # a UnicodeDecodeError is a ValueError


def parquet(path: Path) -> Iterator[RawRow]:
    """Raises ValueError for a file that is damaged: how many rows are lost nobody knows."""
    read = 0
    try:
        with pq.ParquetFile(path) as file:
            for row in _rows(path, file.iter_batches(BATCH_ROWS)):
                yield row
                read = row.row
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, read, "Parquet", error) from error


def arrow(path: Path) -> Iterator[RawRow]:
    """A stream, as `datasets` writes it, or a file of Arrow's own. Raises ValueError as `parquet`."""
    read = 0
    try:
        with pa.memory_map(str(path)) as file:
            try:
                batches: Iterable[pa.RecordBatch] = pa.ipc.open_stream(file)
            except pa.ArrowInvalid:
                whole = pa.ipc.open_file(file)
                batches = map(whole.get_batch, range(whole.num_record_batches))
            for row in _rows(path, batches):
                yield row
                read = row.row
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, read, "Arrow", error) from error


def _damaged(path: Path, read: int, kind: str, error: Exception) -> ValueError:
    return refusal(f"{path.name}, after row {read}", f"a whole {kind} file", str(error), "write or copy it again")


def _rows(path: Path, batches: Iterable[pa.RecordBatch]) -> Iterator[RawRow]:
    row = 0
    for batch in batches:
        batch.validate()  # that its buffers are as long as it says: their sizes are asked for next
        if batch.num_rows > 8 * batch.nbytes:  # a row is a bit at least; a damaged file said 137 thousand million
            raise pa.ArrowInvalid(f"{batch.num_rows} rows in {batch.nbytes} bytes")
        parts = (batch.slice(start, BATCH_ROWS) for start in range(0, batch.num_rows, BATCH_ROWS))
        for values in chain.from_iterable(map(_values, parts)):
            row += 1
            problem = f"expected plain values, found {values}; mend the row" if isinstance(values, str) else ""
            yield RawRow(path.name, row, {} if isinstance(values, str) else values, problem=problem)


def _values(batch: pa.RecordBatch) -> Iterator[dict[str, object] | str]:
    """Of each row, or what is wrong with it: one bad value would take the whole batch with it."""
    try:
        yield from _plain(batch)
        return
    except BAD_VALUE:
        pass
    for number in range(batch.num_rows):
        try:
            yield from _plain(batch.slice(number, 1))
        except BAD_VALUE as error:
            yield str(error).rpartition("Invalid: ")[2]


def _plain(batch: pa.RecordBatch) -> list[dict[str, object]]:
    """Its rows. Arrow takes a file's offsets as they stand: unchecked, they may point to any place in memory."""
    batch.validate(full=True)
    try:
        rows: list[dict[str, object]] = batch.to_pylist()
    except KeyError as error:  # the number of a type for which pyarrow has no class
        raise pa.ArrowInvalid("a type of value that pyarrow cannot read") from error
    return rows
