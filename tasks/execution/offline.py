"""Offline execution: what is in the store is read, pure work is done, no model is asked."""

from dataclasses import dataclass, field
from typing import Any

from tasks.engines.processes.platform import Platform
from tasks.engines.processes.progress import Progress
from tasks.execution.stage import NextCalls, Save, SaveAnswers
from tasks.recipe.recipe import Recipe
from tasks.store.artifacts import Ref, Spec, Store


class WouldAsk(Exception):
    """A stage that only a model could make."""


@dataclass(frozen=True, kw_only=True)
class Offline:
    """An `execution.stage.Runner` without Prefect. What it makes is what a run would make, and a run finds it."""

    recipe: Recipe
    store: Store
    platform: Platform
    progress: Progress = field(default_factory=lambda: Progress(quiet=True))

    @property
    def dtype(self) -> str:
        return self.platform.dtype(self.recipe.engine.dtype)

    def compute(self, spec: Spec, label: str, save: Save) -> Ref:
        if self.store.find(spec) is None:
            with self.store.draft(spec) as draft:
                save(draft)
        found = self.store.find(spec)
        assert found
        return found

    def infer(self, spec: Spec, label: str, model: Ref, calls: NextCalls, save: SaveAnswers) -> Ref:
        return self._found(spec, label)

    def job(
        self, spec: Spec, label: str, module: str, given: dict[str, Any], *, online: bool = False, tells: bool = False
    ) -> Ref:
        return self._found(spec, label)

    def train(self, spec: Spec, label: str, module: str, given: dict[str, Any]) -> Ref:
        raise WouldAsk(label)

    def _found(self, spec: Spec, label: str) -> Ref:
        found = self.store.find(spec)
        if found is None:
            raise WouldAsk(label)
        return found
