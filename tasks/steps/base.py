"""What all steps share: a stage's spec, how it is run, and what came of it."""

from collections.abc import Callable, Sequence

from tasks import prompts
from tasks.artifacts import Draft, Ref, Spec
from tasks.config import Config
from tasks.offline import Offline
from tasks.records import Rejected, Row, digest
from tasks.runner import NextCalls, Runner, SaveAnswers


class Stages:
    """One iteration's stages. `made` collects their artifacts by label, in the order in which they were made."""

    def __init__(self, runner: Runner | Offline, number: int):
        self.runner, self.number = runner, number
        self.recipe, self.store = runner.recipe, runner.store
        self.made: dict[str, Ref] = {}

    def spec(
        self,
        stage: str,
        version: int,
        config: Config | None,
        inputs: dict[str, Ref],
        used: Sequence[str] = (),
        sampling: bool = False,
    ) -> Spec:
        """Content digests, not fingerprints, of the inputs: text that was generated again is other text.

        `used` are the prompts; `sampling` stages depend on the evolution's seed and the iteration's number too.
        """
        return Spec(
            stage=stage,
            version=version,
            config=config.model_dump(mode="json") if config else {},
            inputs={name: ref.digest for name, ref in inputs.items()}
            | {f"prompt {name}": digest(prompts.source(name)) for name in used},
            sampling={"seed": self.recipe.sampling_seed, "iteration": self.number} if sampling else {},
        )

    def compute(self, label: str, spec: Spec, save: Callable[[Draft], None]) -> Ref:
        return self.keep(label, self.runner.compute(spec, label, save))

    def infer(self, label: str, spec: Spec, model: Ref, calls: NextCalls, save: SaveAnswers) -> Ref:
        # A model is measured and asked in the dtype that is served: another dtype gives other answers.
        served = spec.model_copy(update={"config": spec.config | {"dtype": self.runner.dtype}})
        return self.keep(label, self.runner.infer(served, label, model, calls, save))

    def keep(self, label: str, ref: Ref) -> Ref:
        self.made[label] = ref
        return ref

    def shortage(self, ref: Ref) -> list[str]:
        """What a stage's record says is missing to go on with."""
        problems: list[str] = self.store.record(ref)["shortage"]
        return problems


def save_rows(
    draft: Draft,
    rows_in: int,
    out: Sequence[Row],
    rejects: Sequence[Rejected],
    tables: dict[str, Sequence[Row]] | None = None,
) -> None:
    """Write the rows (or `tables` in their place), the rejects, and the counts of the funnel."""
    rules = [reject.rule for reject in rejects]
    for name, rows in (tables or {"rows": out}).items():
        draft.table(name, rows)
    draft.table("rejects", rejects)
    draft.record["counts"] = {"in": rows_in, "out": len(out)}
    draft.record["rejected"] = {rule: rules.count(rule) for rule in sorted(set(rules))}
