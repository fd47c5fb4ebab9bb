"""A runner that makes each stage in a process of its own, and notes its seconds and its peak of memory.

What a model would bring is planted: rows by the stage's label.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.execution.offline import Offline
from tasks.execution.stage import NextCalls, Save, SaveAnswers
from tasks.store.artifacts import Draft, Ref, Spec
from tasks.store.rows import Row


@dataclass(frozen=True)
class Cost:
    """`cpu_s` is what the processor worked for it: other work beside changes that least."""

    seconds: float
    cpu_s: float
    peak_gib: float

    def __str__(self) -> str:
        return f"{self.seconds:8.1f} s {self.cpu_s:8.1f} s of processor {self.peak_gib:6.2f} GiB"


def apart(work: Callable[[], object]) -> Cost:
    """Done in a forked process, whose memory begins with what is there now. Raises RuntimeError if it fails."""
    started, child = time.monotonic(), os.fork()
    if not child:
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status, used = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"a stage's process ended with status {os.waitstatus_to_exitcode(status)}")
    return Cost(time.monotonic() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20)


@dataclass(frozen=True, kw_only=True)
class Measuring(Offline):
    planted: Mapping[str, Callable[[], Iterable[Row]]]
    costs: dict[str, Cost] = field(default_factory=dict)

    def compute(self, spec: Spec, label: str, save: Save) -> Ref:
        if self.store.find(spec) is None:
            self.costs[label] = apart(lambda: self._make(spec, save))
            print(f"{label:28} {self.costs[label]}", flush=True)
        return self._found(spec, label)

    def infer(self, spec: Spec, label: str, model: Ref, calls: NextCalls, save: SaveAnswers) -> Ref:
        if self.store.find(spec) is None:
            apart(lambda: self._make(spec, lambda draft: draft.table("rows", self.planted[label]())))
        return self._found(spec, label)

    def _make(self, spec: Spec, save: Callable[[Draft], None]) -> None:
        with self.store.draft(spec) as draft:
            save(draft)


def size_gib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**30
