"""The journal of what a model has answered, so that a killed run asks again only what was in flight."""

import contextlib
import os
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

    def add(self, answer: Answer) -> None:
        self.answers[answer.call] = answer
        if self._cut_to is not None:  # not sooner: whoever only reads may do so beside the one who writes
            os.truncate(self.path, self._cut_to)
            self._cut_to = None
        with self.path.open("a", encoding="utf-8") as file:
            file.write(answer.model_dump_json() + "\n")
