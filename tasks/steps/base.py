"""What all steps share: a stage's spec, how it is run, and what came of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from tasks import prompts
from tasks.artifacts import Draft, Ref, Spec
from tasks.config import Config
from tasks.offline import Offline
from tasks.records import Rejected, Row, Seed, digest
from tasks.runner import NextCalls, Runner, SaveAnswers
from tasks.vetoes import Veto


class Stages:
    """One iteration's stages. `made` collects their artifacts by label, in the order in which they were made.

    `items` are the benchmarks' (tasks/steps/benchmarking.py), which nothing may be trained on. `again` says, by label,
    how often a person asked for a stage to be made again: each time it is another artifact beside the one before.
    """

    def __init__(
        self,
        runner: Runner | Offline,
        number: int,
        vetoes: Sequence[Veto] = (),
        items: Ref | None = None,
        again: Mapping[str, int] | None = None,
    ):
        self.runner, self.number, self.vetoes, self.again = runner, number, tuple(vetoes), again or {}
        self.items: dict[str, Ref] = {"items": items} if items else {}
        self.recipe, self.store = runner.recipe, runner.store
        self.made: dict[str, Ref] = {}

    def spec(
        self,
        stage: str,
        version: int,
        config: Config | Mapping[str, Any],
        inputs: Mapping[str, Ref | str],
        used: Sequence[str] = (),
        sampling: Literal["none", "evolution", "iteration"] = "none",
    ) -> Spec:
        """Content digests, not fingerprints, of the inputs: text that was generated again is other text.

        `used` are the prompts. What `sampling` says it depends on: nothing, the evolution's seed, or the iteration's
        number too.
        """
        seed = {"seed": self.recipe.sampling_seed, "iteration": self.number}
        return Spec(
            stage=stage,
            version=version,
            config=config.model_dump(mode="json") if isinstance(config, Config) else dict(config),
            inputs={name: ref if isinstance(ref, str) else ref.digest for name, ref in inputs.items()}
            | {f"prompt {name}": digest(prompts.source(name)) for name in used},
            sampling={"none": {}, "evolution": {"seed": seed["seed"]}, "iteration": seed}[sampling],
        )

    def compute(self, label: str, spec: Spec, save: Callable[[Draft], None]) -> Ref:
        return self.keep(label, self.runner.compute(self._anew(label, spec), label, save))

    def train(self, label: str, spec: Spec, module: str, given: dict[str, Any], *, one_process: bool = False) -> Ref:
        anew = self._anew(label, spec)
        return self.keep(label, self.runner.train(anew, label, module, given, one_process=one_process))

    def job(self, label: str, spec: Spec, module: str, given: dict[str, Any], **how: bool) -> Ref:
        return self.keep(label, self.runner.job(self._anew(label, spec), label, module, given, **how))

    def infer(self, label: str, spec: Spec, model: Ref, calls: NextCalls, save: SaveAnswers) -> Ref:
        # A model is measured and asked in the dtype that is served: another dtype gives other answers.
        served = spec.model_copy(update={"config": spec.config | {"dtype": self.runner.dtype}})
        return self.keep(label, self.runner.infer(self._anew(label, served), label, model, calls, save))

    def _anew(self, label: str, spec: Spec) -> Spec:
        times = self.again.get(label, 0)
        return spec.model_copy(update={"sampling": spec.sampling | {"again": times}}) if times else spec

    def vetoed(self, before: int | None = None) -> tuple[dict[str, str], dict[str, Ref | str]]:
        """Vetoed rows with the reason, and what that adds to a stage's inputs; `before` an iteration was made."""
        found = {veto.row: veto.why for veto in self.vetoes if before is None or veto.iteration <= before}
        return found, {"vetoes": digest(sorted(found))} if found else {}

    def not_to_train_on(self, seeds: Ref) -> list[Seed]:
        """What models are measured on and the reviewer calibrated with. What uses it has `items` among its inputs."""
        own = [row for table in ("held_out", "anchors") for row in self.store.rows(seeds, Seed, table)]
        return own + [row for ref in self.items.values() for row in self.store.rows(ref, Seed, "items")]

    def keep(self, label: str, ref: Ref) -> Ref:
        self.made[label] = ref
        return ref

    def shortage(self, ref: Ref) -> list[str]:
        """What a stage's record says is missing to go on with."""
        problems: list[str] = self.store.record(ref).get("shortage", [])
        return problems


def in_round(what: str, round: int) -> str:
    """How a stage of a later round is called."""
    return what if round == 1 else f"{what}, round {round}"


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
