"""Stages without Prefect and without a model: what stands in the store is read, pure work is done, nothing is asked."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.artifacts import Draft, Ref, Spec, Store
from tasks.backends.platform import Platform
from tasks.recipes import Recipe


class WouldAsk(Exception):
    """A stage that only a model could make."""


@dataclass(frozen=True, kw_only=True)
class Offline:
    """In a `tasks.runner.Runner`'s place. What it makes is what a run would make, and a run finds it."""

    recipe: Recipe
    store: Store
    platform: Platform

    @property
    def dtype(self) -> str:
        return self.platform.dtype(self.recipe.engine.dtype)

    def compute(self, spec: Spec, label: str, write: Callable[[Draft], None]) -> Ref:
        if self.store.find(spec) is None:
            with self.store.draft(spec) as draft:
                write(draft)
        found = self.store.find(spec)
        assert found
        return found

    def infer(self, spec: Spec, label: str, model: Ref, *_: object) -> Ref:
        return self._found(spec, label)

    def job(self, spec: Spec, label: str, *_: object, **__: object) -> Ref:
        return self._found(spec, label)

    def train(self, spec: Spec, label: str, *_: object, **__: object) -> Ref:
        raise WouldAsk(label)

    def _found(self, spec: Spec, label: str) -> Ref:
        found = self.store.find(spec)
        if found is None:
            raise WouldAsk(label)
        return found
