"""Kinds of constraint: how each is asked for, and what its arguments are drawn from.

`constraints.yaml` has those that are trained on, `unseen.yaml` those that never are.
"""

import functools
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from tasks.store.rows import digest
from tasks.store.verified import Asked

FOLDER = Path(__file__).parent
Level = Literal[1, 2, 3]


class Kind(BaseModel):
    """One kind of constraint; the fields are explained in constraints.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    level: Level = 1
    excludes: frozenset[str] = frozenset()
    arguments: dict[str, Any] = {}
    wordings: tuple[str, ...] = ()
    panel: tuple[str, ...]
    example: tuple[str, str] | None = None

    def drawn(
        self, name: str, wordings: Sequence[str], vocabulary: list[str], level: int, chance: random.Random
    ) -> tuple[str, Asked]:
        """A request in words, and its check. Words of the text are taken away from `vocabulary`.

        Raises IndexError where none is left.
        """
        arguments = {key: _argument(how, vocabulary, level, chance) for key, how in self.arguments.items()}
        return self.in_words(wordings, arguments, chance), Asked.of(name, arguments)

    def in_words(self, wordings: Sequence[str], arguments: Mapping[str, Any], chance: random.Random) -> str:
        """One of the wordings, its arguments spelled out."""
        return chance.choice(wordings).format(**{key: _spelled(value) for key, value in arguments.items()})


@functools.cache
def kinds(file: str = "constraints") -> Mapping[str, Kind]:
    """By the name of the check, in the order of the file."""
    return {name: Kind.model_validate(one) for name, one in read(file)["kinds"].items()}


@functools.cache
def read(file: str) -> Any:
    return yaml.safe_load((FOLDER / f"{file}.yaml").read_text(encoding="utf-8"))


def digest_of(*files: str) -> str:
    """What is in the files: part of what identifies questions and their answers."""
    return digest([(FOLDER / f"{file}.yaml").read_text(encoding="utf-8") for file in files])


def _argument(how: Any, vocabulary: list[str], level: int, chance: random.Random) -> Any:
    if isinstance(how, list):
        return chance.choice(how)
    if "range" in how:
        least, most, step = how["range"][level - 1]
        return chance.randrange(least, most + 1, step)
    wanted = how["own_words"]
    if isinstance(wanted, int):
        return vocabulary.pop()
    return [vocabulary.pop() for _ in range(chance.randint(*wanted))]


def _spelled(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    marked = [f'"{one}"' for one in value]
    return marked[0] if len(marked) == 1 else f"{', '.join(marked[:-1])} and {marked[-1]}"
