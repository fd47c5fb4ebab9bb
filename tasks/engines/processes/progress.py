"""What a person sees while it works: bars with done/total, rate and remaining time; plain lines without a terminal."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

PLAIN_EVERY_S = 10.0
LOG_EVERY_S = 10.0


class Bar:
    """One step's progress. Calls may come from several threads."""

    def __init__(self, progress: "Progress", label: str, total: int):
        self.label, self.total, self.done, self.note = label, total, 0, ""
        self._progress, self._what = progress, ""
        self._started = self._said = time.monotonic()
        self._first = (self._started, 0)  # when the first ones were done: an engine's start is no part of the rate
        self._id = progress.live.add_task(escape(label), total=total or None, rate="") if progress.live else None

    def advance(self, by: int = 1) -> None:
        self.to(self.done + by)

    def to(self, done: int, total: int | None = None, note: str = "") -> None:
        self.done, self.total, self.note = done, total or self.total, note
        now = time.monotonic()
        if done and not self._first[1]:
            self._first = (now, done)
        if self._progress.live and self._id is not None:
            self._progress.live.update(self._id, completed=done, total=self.total or None, rate=f"{self.rate} {note}")
        elif now - self._said >= PLAIN_EVERY_S:
            self._said = now
            self._progress.say(str(self))

    def hear(self, said: dict[str, Any]) -> None:
        """Show what a job says (tasks/engines/processes/job.py)."""
        if said["what"] != self._what:  # what it did before took another time each
            self._what, self._first = said["what"], (time.monotonic(), 0)
        figures = ", ".join(f"{name} {value:.3f}" for name, value in said["figures"].items())
        self.to(said["done"] or self.done, said["total"], f"{said['what']} {figures}".strip())

    def heard(self, say: Callable[[str], None]) -> Callable[[dict[str, Any]], None]:
        """As `hear`; and every LOG_EVERY_S into the run's log."""
        said_at = time.monotonic()

        def on_progress(said: dict[str, Any]) -> None:
            nonlocal said_at
            self.hear(said)
            if time.monotonic() - said_at > LOG_EVERY_S:
                said_at = time.monotonic()
                say(str(self))

        return on_progress

    @property
    def rate(self) -> str:
        each_s = self._each_s
        if each_s is None:
            return ""
        return f"{1 / each_s:.1f}/s" if each_s < 1 else f"{each_s:.1f} s each"

    @property
    def _each_s(self) -> float | None:
        """Seconds that one takes, as far as is known."""
        since, before = self._first
        more = self.done - before
        return max(time.monotonic() - since, 1e-3) / more if before and more > 0 else None

    def __str__(self) -> str:
        seconds = time.monotonic() - self._started
        each_s, more = self._each_s, self.total - self.done
        left = f", {each_s * more:.0f} s left" if each_s and more > 0 else ""
        count = f" {self.done}/{self.total}" if self.total else ""
        rate = f", {self.rate}" if self.total and self.rate else ""
        return f"{self.label}{count} after {seconds:.0f} s{rate}{left} {self.note}".rstrip()

    def close(self) -> None:
        if self._progress.live and self._id is not None:
            self._progress.live.remove_task(self._id)
        self._progress.say(str(self))


class Progress:
    """Lines and bars on standard error, so that standard output stays for results."""

    def __init__(self, quiet: bool = False):
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.live: RichProgress | None = None

    def say(self, text: str) -> None:
        # Escaped: "review [seeds]" is a name here, not markup.
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {escape(text)}", soft_wrap=True)

    @contextlib.contextmanager
    def showing(self) -> Iterator[None]:
        """Draw bars inside this block if the console is a terminal."""
        Console.on_broken_pipe = _be_quiet  # type: ignore[method-assign, assignment]
        if not self.console.is_terminal:
            yield
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
        )
        with RichProgress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console) as self.live:
            try:
                yield
            finally:
                self.live = None

    @contextlib.contextmanager
    def bar(self, label: str, total: int = 0) -> Iterator[Bar]:
        bar = Bar(self, label, total)
        try:
            yield bar
        finally:
            bar.close()

    @contextlib.contextmanager
    def waiting(self, label: str) -> Iterator[Callable[[float], None]]:
        """A function to call with the seconds waited so far: says so at the first call and then at a sane rate."""
        said_at = -PLAIN_EVERY_S

        def on_wait(seconds: float) -> None:
            nonlocal said_at
            if seconds < said_at or seconds - said_at >= PLAIN_EVERY_S:  # fewer seconds: another wait
                said_at = seconds
                self.say(f"{label} ({seconds:.0f} s)")

        yield on_wait


def _be_quiet(console: Console) -> None:
    """In place of rich's own answer, which ends the process: a worker reads what its runs print, and one that outlived
    its killed worker ended at the next line. For all consoles, Prefect's log among them.
    """
    console.quiet = True
