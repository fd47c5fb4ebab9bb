"""Find an evolution, or say which there are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.evolution import ledger as ledgers
from tasks.evolution.ledger import Iteration, Ledger
from tasks.store.artifacts import Ref, Store
from tasks.store.home import Home
from tasks.store.rows import digest


class Awaited(BaseModel):
    """An iteration whose promotion a person is asked about, by which run: no ledger has it yet.

    None where a run of another version asks.
    """

    model_config = ConfigDict(frozen=True)
    run: str
    iteration: Iteration | None = None

    @classmethod
    def of(cls, home: Home, name: str) -> Self | None:
        """None where nothing waits."""
        text = home.waiting(name).read()
        try:
            return cls.model_validate_json(text) if text else None
        except ValidationError:
            return cls(run=json.loads(str(text))["run"])

    @property
    def mark(self) -> str:
        """Of what is asked about: another candidate, or one without other rows, has another."""
        of = self.iteration
        return digest([self.run, of and (of.number, of.candidate and of.candidate.digest, of.vetoes)])[:16]


@dataclass(frozen=True)
class Found:
    """One iteration of an evolution, with the ledger that it is in."""

    home: Home
    ledger: Ledger
    iteration: Iteration

    @property
    def store(self) -> Store:
        return Store.of(self.home)

    @property
    def stages(self) -> Mapping[str, Ref]:
        """Its artifacts by label, the seeds first."""
        return {"seeds": self.iteration.seeds, **self.iteration.stages}

    @property
    def so_far(self) -> list[Iteration]:
        """The iterations up to this one."""
        return self.ledger.iterations[: self.iteration.number]


def ledger(home: Home, name: str) -> Ledger:
    """Raises ValueError with the evolutions that there are."""
    found = ledgers.read(home.ledger(name))
    if found is None:
        raise ValueError(f"no evolution {name!r} in {home.root}; known: {', '.join(home.evolutions) or 'none'}")
    return found


def with_awaited(home: Home, name: str) -> Ledger:
    """With the iteration that waits for a person's approval, if one does, as it stands if it is given."""
    known, waits = ledger(home, name), Awaited.of(home, name)
    return known.put(waits.iteration) if waits and waits.iteration else known


def find(home: Home, run: str, known: Ledger | None = None) -> Found:
    """`run` is NAME (its last iteration) or NAME/ITERATION; raises ValueError with what there is."""
    name, _, number = run.partition("/")
    known = known or ledger(home, name)
    numbers = [str(one.number) for one in known.iterations]
    if not numbers:
        raise ValueError(f"evolution {name!r} has no finished iteration yet")
    if number and number not in numbers:
        raise ValueError(f"{name} has no iteration {number!r}; it has: {', '.join(numbers)}")
    return Found(home, known, known.iterations[int(number or len(numbers)) - 1])
