"""An evolution's results as pandas frames, for notebooks and scripts.

    from flows.report.frames import Results

    mine = Results.of("mine")            # in LANCE_HOME
    mine.iterations()                    # verdicts, one row an iteration
    mine.axes()                          # both models on each axis the gate asked, with intervals
    mine.funnel()                        # rows in and out of each stage, and what each rule took out
    mine.rows("annotate", table="sft")   # any stage's rows, of all iterations or one
    mine.rejects(), mine.scores()

Frames are made of the store's own columns: a million rows are not a million objects.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.evolution import funnel as funnels
from tasks.evolution import lookup
from tasks.evolution.ledger import Iteration, Ledger
from tasks.store.artifacts import Ref, Store
from tasks.store.home import Home

ITERATION = ["iteration", "decision", "reasons", "promoted", "candidate", "champion", "seconds", "run", "at", "person"]
PLACE = ("in_iteration", "in_stage")  # the first columns of rows, which may have an `iteration` of their own


@dataclass(frozen=True)
class Results:
    """`iteration` None: of all that there are."""

    ledger: Ledger
    store: Store

    @classmethod
    def of(cls, name: str, home: Home | None = None) -> Self:
        """Raises ValueError with the evolutions that there are."""
        where = home or Home.here()
        return cls(lookup.ledger(where, name), Store.of(where))

    def iterations(self) -> pd.DataFrame:
        """A row an iteration; candidate and champion by their digests, `seconds` of the run that made it."""
        return pd.DataFrame(
            [
                {
                    "iteration": one.number,
                    "decision": one.verdict.decision,
                    "reasons": "; ".join(one.verdict.reasons),
                    "promoted": one.champion_after != one.champion_before,
                    "candidate": one.candidate.digest if one.candidate else None,
                    "champion": one.champion_after.digest,
                    "seconds": one.seconds,
                    "run": one.run,
                    "at": pd.Timestamp(one.at) if one.at else pd.NaT,
                    "person": one.person.decision if one.person else None,
                }
                for one in self.ledger.iterations
            ],
            columns=ITERATION,
        )

    def axes(self, iteration: int | None = None) -> pd.DataFrame:
        """What the gate asked: champion, candidate, change with its interval (low, high), p, items; a row an axis."""
        found = [
            {"iteration": one.number, **axis.model_dump()}
            for one in self._iterations(iteration)
            for axis in one.verdict.axes
        ]
        return pd.DataFrame(found)

    def funnel(self, iteration: int | None = None) -> pd.DataFrame:
        """Columns: iteration, stage, rows_in, rows_out, seconds, note, and `rejected: RULE` for each rule."""
        found = []
        for one in self._iterations(iteration):
            for row in funnels.funnel(self.store, {"seeds": one.seeds, **one.stages}):
                counts = {f"rejected: {rule}": number for rule, number in row.rejected.items()}
                plain = row.model_dump(exclude={"label", "rejected"})
                found.append({"iteration": one.number, "stage": row.label, **plain, **counts})
        return pd.DataFrame(found)

    def rows(self, stage: str, iteration: int | None = None, table: str = "") -> pd.DataFrame:
        """Of one stage's table (its only one, or `rows`, unless named). Raises ValueError with what there is."""
        return _frame(self.table(stage, iteration, table))

    def table(self, stage: str, iteration: int | None = None, table: str = "") -> pa.Table:
        """As `rows`, in Arrow."""
        known = dict.fromkeys(label for one in self._iterations(iteration) for label in _stages(one))
        if stage not in known:
            raise ValueError(f"{self.ledger.name}: no stage {stage!r}; it has: {', '.join(known)}")
        found, tables = [], dict[str, None]()
        for one in self._iterations(iteration):
            if ref := _stages(one).get(stage):
                files = {file.stem: file for file in self.store.table_files(ref)}
                tables |= dict.fromkeys(files)
                name = table or ("rows" if "rows" in files else next(iter(files), ""))
                if name in files:
                    found.append(_placed(pq.read_table(files[name]), one.number, stage))
        if not found:
            raise ValueError(f"{stage}: no table {table or 'of rows'}; it has: {', '.join(tables) or 'none'}")
        return pa.concat_tables(found, promote_options="permissive")

    def rejects(self, iteration: int | None = None) -> pd.DataFrame:
        """What every rule took out: in_iteration, in_stage, row, rule, detail, text, parents."""
        return self._of_all("rejects", iteration)

    def scores(self, iteration: int | None = None) -> pd.DataFrame:
        """Reviews of seeds and of what was written: in_iteration, in_stage, item, score and what it is made of."""
        return self._of_all("rows", iteration, lambda stage: stage.startswith("review ["))

    def _of_all(
        self, table: str, iteration: int | None, fits: Callable[[str], bool] = lambda stage: True
    ) -> pd.DataFrame:
        found = [
            _placed(pq.read_table(file), one.number, label)
            for one in self._iterations(iteration)
            for label, ref in _stages(one).items()
            if fits(label)
            for file in self.store.table_files(ref)
            if file.stem == table
        ]
        if not found:
            return pd.DataFrame(columns=[*PLACE])
        return _frame(pa.concat_tables(found, promote_options="permissive"))

    def _iterations(self, number: int | None) -> Iterator[Iteration]:
        if number is not None and number not in {one.number for one in self.ledger.iterations}:
            there = ", ".join(str(one.number) for one in self.ledger.iterations) or "none"
            raise ValueError(f"{self.ledger.name} has no iteration {number}; it has: {there}")
        return (one for one in self.ledger.iterations if number in (None, one.number))


def _stages(one: Iteration) -> dict[str, Ref]:
    return {"seeds": one.seeds, **one.stages}


def _frame(table: pa.Table) -> pd.DataFrame:
    found: pd.DataFrame = table.to_pandas()
    return found


def _placed(table: pa.Table, iteration: int, stage: str) -> pa.Table:
    for name, value in zip(reversed(PLACE), (stage, iteration), strict=True):
        table = table.add_column(0, name, pa.repeat(pa.scalar(value), len(table)))
    return table
