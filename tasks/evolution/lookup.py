"""Find an evolution, or say which there are."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.evolution import ledger as ledgers
from tasks.evolution.ledger import Iteration, Ledger
from tasks.store.artifacts import Ref, Store
from tasks.store.home import Home


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


def find(home: Home, run: str) -> Found:
    """`run` is NAME (its last iteration) or NAME/ITERATION; raises ValueError with what there is."""
    name, _, number = run.partition("/")
    known = ledger(home, name)
    numbers = [str(one.number) for one in known.iterations]
    if not numbers:
        raise ValueError(f"evolution {name!r} has no finished iteration yet")
    if number and number not in numbers:
        raise ValueError(f"{name} has no iteration {number!r}; it has: {', '.join(numbers)}")
    return Found(home, known, known.iterations[int(number or len(numbers)) - 1])
