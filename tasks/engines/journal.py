"""The journal of what a model has answered, so that a killed run asks again only what was in flight."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tasks.engines.calls import Answer


class Journal:
    """Answers by call key, one JSON line each. A line that a kill cut short is dropped."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.answers: dict[str, Answer] = {}
        self._cut_to: int | None = None
        with contextlib.suppress(FileNotFoundError):
            whole, newline, cut = path.read_bytes().rpartition(b"\n")
            for line in whole.splitlines():
                answer = Answer.model_validate_json(line)
                self.answers[answer.call] = answer
            self._cut_to = len(whole + newline) if cut else None

    def add_new(self, answers: Iterable[Answer]) -> None:
        """Those to calls that have none."""
        with self.adding() as add:
            for answer in answers:
                if answer.call not in self.answers:
                    add(answer)

    @contextlib.contextmanager
    def adding(self) -> Iterator[Callable[[Answer], None]]:
        """Who adds has the file open meanwhile: opened for each answer, it took an eighth of a request's time."""
        if self._cut_to is not None:  # not sooner: whoever only reads may do so beside the one who writes
            os.truncate(self.path, self._cut_to)
            self._cut_to = None
        with self.path.open("ab", buffering=0) as file:

            def add(answer: Answer) -> None:
                line = answer.model_dump_json().encode() + b"\n"
                if file.write(line) < len(line):  # the next one would follow half a line
                    raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {self.path}")
                self.answers[answer.call] = answer

            yield add
