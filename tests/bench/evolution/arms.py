"""One training that `bench-evolution` compares: what was measured, document by document, kept in a small file each.

With the files of trainings that other machines have done, a table goes on where those machines stopped.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

Values = dict[str, dict[str, float]]  # by axis and document


@dataclass(frozen=True)
class Axis:
    """Values of the same documents before and after, in the order of the documents' names."""

    documents: str  # digest of their names
    before: list[float]
    after: list[float]


@dataclass(frozen=True)
class Arm:
    """One training of a recipe."""

    name: str
    seed: int
    axes: dict[str, Axis]
    tokens: dict[str, int]
    epochs: dict[str, float]  # that so many tokens came to: a control of few rows repeats them
    rows: dict[str, int]
    verdict: str
    minutes: float
    processor: str  # what its rows were written on, and it was trained on

    @property
    def label(self) -> str:
        return f"{self.name}, training seed {self.seed}"

    def save(self, folder: Path) -> None:
        """A line for each axis, so that the file can be looked at."""
        folder.mkdir(parents=True, exist_ok=True)
        axes = asdict(self).pop("axes")
        rest = json.dumps({key: value for key, value in asdict(self).items() if key != "axes"})
        lines = ",\n".join(f'  "{name}": {json.dumps(axis, separators=(",", ":"))}' for name, axis in axes.items())
        file = folder / f"{self.name.replace(' ', '-')}-{self.seed}.json"
        file.write_text(f'{rest[:-1]},\n "axes": {{\n{lines}\n }}}}\n')


def axes(before: Values, after: Values) -> dict[str, Axis]:
    """Raises ValueError where one of the two was asked other documents."""
    found = {}
    for name, values in before.items():
        names = sorted(values)
        if sorted(after[name]) != names:
            raise ValueError(f"{name}: other documents before ({len(names)}) than after ({len(after[name])})")
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
        found[name] = Axis(digest, *([_short(side[name][one]) for one in names] for side in (before, after)))
    return found


def _short(value: float) -> float:
    """Most are 0 or 1."""
    return int(value) if value == int(value) else round(value, 4)


def kept(folder: Path) -> list[Arm]:
    """The trainings whose files are there, in the order of their names."""
    found = []
    for file in sorted(folder.glob("*.json")):
        read = json.loads(file.read_text())
        found.append(Arm(**read | {"axes": {name: Axis(**axis) for name, axis in read["axes"].items()}}))
    return found
