"""Looks: how often an evolution's gates have asked whether luck promotes. Each spends error (tasks/evaluate/gate.py).

A look is what was measured of two models and the policy that it was put to. The same one again is no other look: it has
the number that it had, whatever has become of its candidate.
"""

from collections.abc import Mapping
from typing import Any

from tasks.store.artifacts import Ref, Store
from tasks.store.rows import digest

NUMBER = "number"  # of the look, in the gate's config


def look(config: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Identifies it, by what makes a gate's artifact the one it is."""
    return digest([{key: value for key, value in config.items() if key != NUMBER}, dict(inputs)])


def number_of(found: str, known: Mapping[str, int], iteration: int) -> int:
    """The one that a look had, or else one behind all that are known, and never below the iteration's."""
    return known.get(found) or max([iteration, *(number + 1 for number in known.values())])


def look_of(store: Store, stages: Mapping[str, Ref]) -> tuple[str, int] | None:
    """A look that was taken, with its number; None where no gate was asked, it spends no error, or it is gone."""
    try:
        record = store.record(stages["gate"])
    except (KeyError, FileNotFoundError):
        return None
    number = record["config"].get(NUMBER)
    return (look(record["config"], record["inputs"]), number) if number else None
