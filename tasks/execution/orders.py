"""Orders: what a run has done by machines with a device, as texts that all of them see (flows/answer.py, train.py)."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from tasks.engines.processes.job import Job
from tasks.engines.shards import Shard
from tasks.recipe.running import EngineConfig
from tasks.store.artifacts import Ref, Store
from tasks.store.home import Home
from tasks.store.shared.document import Document


class AskedShards(BaseModel):
    """Shards of one stage, for whoever has an engine."""

    model_config = ConfigDict(frozen=True)
    engine: EngineConfig
    shards: tuple[Shard, ...]


class TrainingOrder(BaseModel):
    """A job for whoever has a device. Its paths are those of the home that it comes from."""

    model_config = ConfigDict(frozen=True)
    module: str
    label: str
    job: Job
    deadline_s: float | None
    home: Path
    machines: int = 1  # that do it together
    attempt: str = Field(default_factory=lambda: uuid4().hex)  # in which they meet

    @property
    def meeting(self) -> str:
        """Under which name, in the home, the first machine leaves the address at which it is met."""
        return f"work/{self.job.work.name}/meeting-{self.attempt}.txt"

    def taken_to(self, home: Home, store: Store) -> Job:
        """The job as it is to be done in this home, the artifacts that it reads brought here."""
        job = self.job.model_copy(
            update={
                "store": home.store,
                "work": home.root / self.job.work.relative_to(self.home),
                "given": {name: _moved(value, self.home, home.root) for name, value in self.job.given.items()},
            }
        )
        for value in job.given.values():
            if isinstance(value, str) and (path := Path(value)).is_relative_to(home.store):
                stage, fingerprint = path.relative_to(home.store).parts[:2]
                store.folder(Ref(stage=stage, fingerprint=fingerprint, digest=""))
        return job


def asked_by(run: str) -> str:
    """The folder of a run's questions, in the home."""
    return f"work/asked/{run}"


def refused_by(home: Home, job: Job) -> Document:
    """What is wrong with a training's input, where there is something."""
    return home.document(f"work/{job.work.name}/{job.refusal_file.name}", copied=False)


def _moved(value: Any, before: Path, now: Path) -> Any:
    if isinstance(value, str) and Path(value).is_relative_to(before):
        return str(now / Path(value).relative_to(before))
    return value
