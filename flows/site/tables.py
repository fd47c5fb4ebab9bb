"""A page of a stage's rows: searched and filtered by columns, so that only what is shown becomes objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

PAGE_ROWS = 50
FEW = 24  # values of a column by which a page can be filtered
SCORE = "score"


@dataclass(frozen=True)
class Query:
    """`values`: wanted value by column. `low` and `high` bound the score."""

    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    page: int = 1


@dataclass(frozen=True)
class Page:
    """`facets`: for columns with few values each value and in how many rows of the table it is."""

    rows: list[dict[str, Any]]
    found: int
    total: int
    number: int
    facets: dict[str, dict[str, int]]
    has_scores: bool

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // PAGE_ROWS))


def page_of(file: Path, query: Query) -> Page:
    """Only the columns that are asked for are read whole, and of the others the parts of the file that are shown."""
    with pq.ParquetFile(file, memory_map=True) as opened:
        schema, total = opened.schema_arrow, opened.metadata.num_rows
        texts = [one.name for one in schema if pa.types.is_string(one.type) and one.name != "id"]
        few = _maybe_few(opened, texts)
        has_scores = SCORE in schema.names and pa.types.is_floating(schema.field(SCORE).type)
        bounds = {pc.greater_equal: query.low, pc.less_equal: query.high} if has_scores else {}
        bounds = {compare: bound for compare, bound in bounds.items() if bound is not None}
        searched = [name for name in (*texts, "id") if name in schema.names] if query.text else []
        columns = opened.read(columns=[*dict.fromkeys([*few, *searched, *([SCORE] if bounds else [])])])
        facets = {name: counts for name in few if (counts := _counts(columns[name]))}
        keep = pa.array(np.ones(total, bool))
        for name, value in query.values.items():
            if name in facets:
                keep = pc.and_(keep, pc.fill_null(pc.equal(columns[name], value), False))
        if query.text:
            hits = [pc.match_substring(columns[name], query.text, ignore_case=True) for name in searched]
            keep = pc.and_(keep, _any(hits, total))
        for compare, bound in bounds.items():
            keep = pc.and_(keep, pc.fill_null(compare(columns[SCORE], bound), False))
        places = np.flatnonzero(np.asarray(keep))
        number = min(max(query.page, 1), max(1, -(-len(places) // PAGE_ROWS)))
        shown = places[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]
        return Page(_rows(opened, shown), len(places), total, number, facets, has_scores)


def _rows(opened: pq.ParquetFile, places: NDArray[np.int64]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    start = 0
    for group in range(opened.metadata.num_row_groups):
        stop = start + opened.metadata.row_group(group).num_rows
        if len(own := places[(places >= start) & (places < stop)]):
            found += opened.read_row_group(group).take(own - start).to_pylist()
        start = stop
    return found


def _any(hits: list[Any], rows: int) -> Any:
    found = pa.array(np.zeros(rows, bool))
    for one in hits:
        found = pc.or_(found, pc.fill_null(one, False))
    return found


def _maybe_few(opened: pq.ParquetFile, texts: list[str]) -> list[str]:
    """Columns of short values that the first rows have few of."""
    head = next(opened.iter_batches(1000, columns=texts), None) if texts else None
    if head is None or not len(head):
        return []
    short = [name for name in texts if (pc.max(pc.utf8_length(head[name])).as_py() or 0) <= 40]
    return [name for name in short if pc.count_distinct(head[name]).as_py() <= min(FEW, max(1, len(head) - 1))]


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """In how many rows each value is; none where there is but one, or many after all."""
    counts = {one["values"]: one["counts"] for one in pc.value_counts(column).to_pylist() if one["values"] is not None}
    return dict(sorted(counts.items())) if 1 < len(counts) <= FEW else {}
