"""One iteration's stages. A step says in one call what a stage is, what it needs, and how it is made:

    stages.compute(
        "split",
        version=split.VERSION,
        config=recipe.split,
        inputs={"pool": pool, "reviews": reviews},
        save=save,
    )

The artifact is found in the store by what identifies it, or made by the runner.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, Required, TypedDict, Unpack

from tasks.engines.calls import Answer, Call
from tasks.engines.processes.progress import Progress
from tasks.recipe.recipe import Recipe
from tasks.recipe.running import EngineConfig
from tasks.recipe.values import Config
from tasks.store.artifacts import Draft, Ref, Spec, Store
from tasks.store.rows import Rejected, Row, Seed, digest
from tasks.store.tables import column
from tasks.store.vetoes import Veto
from tasks.text.prompts import templates
from tasks.verify.questions.kinds import digest_of
from tasks.verify.questions.panels import BASES, CONSTRAINTS, bare_instructions

CONTEXT = "context_tokens"
Save = Callable[[Draft], None]
NextCalls = Callable[[Mapping[str, Answer]], list[Call]]
SaveAnswers = Callable[[Draft, list[Call], list[Answer]], None]


class Runner(Protocol):
    """Makes what the store does not have: as Prefect tasks (execution/runner.py), or not at all (execution/offline.py).

    `dtype` is what models are served and measured in.
    """

    @property
    def recipe(self) -> Recipe: ...
    @property
    def store(self) -> Store: ...
    @property
    def dtype(self) -> str: ...
    @property
    def progress(self) -> Progress: ...

    def compute(self, spec: Spec, label: str, save: Save) -> Ref: ...

    def infer(self, spec: Spec, label: str, model: Ref, calls: NextCalls, save: SaveAnswers) -> Ref: ...

    def train(self, spec: Spec, label: str, module: str, given: dict[str, Any]) -> Ref: ...

    def job(
        self, spec: Spec, label: str, module: str, given: dict[str, Any], *, online: bool = False, tells: bool = False
    ) -> Ref: ...


class Identity(TypedDict, total=False):
    """What makes a stage's artifact the one it is.

    `inputs` count by their content, not by their fingerprints: text that was generated again is other text. `prompts`
    are the names of the templates used. `sampling` is what random choices depend on: nothing, the evolution's seed, or
    the iteration's number too.
    """

    version: Required[int]
    config: Required[Config | Mapping[str, Any]]
    inputs: Required[Mapping[str, Ref | str]]
    prompts: Sequence[str]
    sampling: Literal["none", "evolution", "iteration"]


class Stages:
    """One iteration's stages. `made` collects their artifacts by label, in the order in which they were made.

    A stage's label is its name unless another one is given. `items` are the benchmarks' (evaluate/benchmarks/steps.py),
    which nothing may be trained on. `again` says, by label, how often a person asked for a stage to be redone: each
    time it is another artifact beside the one before.
    """

    def __init__(
        self,
        runner: Runner,
        number: int,
        vetoes: Sequence[Veto] = (),
        items: Ref | None = None,
        again: Mapping[str, int] | None = None,
    ):
        self.runner, self.number, self.vetoes, self.again = runner, number, tuple(vetoes), again or {}
        self.items: dict[str, Ref] = {"items": items} if items else {}
        self.recipe, self.store = runner.recipe, runner.store
        self.made: dict[str, Ref] = {}

    def compute(self, stage: str, label: str = "", *, save: Save, **identity: Unpack[Identity]) -> Ref:
        """Pure work on rows: `save` writes the artifact."""
        label = label or stage
        return self.keep(label, self.runner.compute(self._spec(stage, label, identity), label, save))

    def infer(
        self,
        stage: str,
        label: str = "",
        *,
        model: Ref,
        calls: NextCalls,
        save: SaveAnswers,
        **identity: Unpack[Identity],
    ) -> Ref:
        """Requests to `model`, which is one of the inputs; `save` gets them with their answers."""
        label = label or stage
        spec = self._spec(stage, label, identity)
        # A model is measured and asked in the dtype that is served: another dtype gives other answers.
        served = {"dtype": self.runner.dtype} | served_otherwise(self.recipe)
        asked = {"config": spec.config | served, "inputs": spec.inputs | {"model": model.digest}}
        return self.keep(label, self.runner.infer(spec.model_copy(update=asked), label, model, calls, save))

    def train(
        self,
        stage: str,
        label: str = "",
        *,
        module: str,
        given: dict[str, Any],
        **identity: Unpack[Identity],
    ) -> Ref:
        """A child process on the device, of the job in `module`."""
        label = label or stage
        spec = self._spec(stage, label, identity)
        return self.keep(label, self.runner.train(spec, label, module, given))

    def job(
        self,
        stage: str,
        label: str = "",
        *,
        module: str,
        given: dict[str, Any],
        online: bool = False,
        tells: bool = False,
        **identity: Unpack[Identity],
    ) -> Ref:
        """A child process beside the engine. `online`: it fetches from a hub; `tells`: it speaks to trackers."""
        label = label or stage
        spec = self._spec(stage, label, identity)
        return self.keep(label, self.runner.job(spec, label, module, given, online=online, tells=tells))

    def _spec(self, stage: str, label: str, identity: Identity) -> Spec:
        config, inputs = identity["config"], identity["inputs"]
        digests = {name: ref if isinstance(ref, str) else ref.digest for name, ref in inputs.items()}
        seed = {"seed": self.recipe.sampling_seed}
        sampling = {"none": {}, "evolution": seed, "iteration": seed | {"iteration": self.number}}
        times = self.again.get(label, 0)
        return Spec(
            stage=stage,
            version=identity["version"],
            config=config.model_dump(mode="json") if isinstance(config, Config) else dict(config),
            inputs=digests | {f"prompt {name}": digest(templates.source(name)) for name in identity.get("prompts", ())},
            sampling=sampling[identity.get("sampling", "none")] | ({"again": times} if times else {}),
        )

    def vetoed(self, before: int | None = None) -> tuple[dict[str, str], dict[str, Ref | str]]:
        """Vetoed rows with the reason, and what that adds to a stage's inputs; `before` an iteration was made."""
        found = {veto.row: veto.why for veto in self.vetoes if before is None or veto.iteration <= before}
        return found, {"vetoes": digest(sorted(found))} if found else {}

    def not_to_train_on(self, seeds: Ref) -> list[Seed]:
        """What models are measured on and the reviewer calibrated with. What uses it has `measured_on` as inputs."""
        own = [row for table in ("held_out", "anchors") for row in self.store.rows(seeds, Seed, table)]
        own += [row for ref in self.items.values() for row in self.store.rows(ref, Seed, "items")]
        return own + (bare_instructions() if self._asks_instructions else [])

    @property
    def measured_on(self) -> dict[str, Ref | str]:
        """What identifies all that models are measured on, but for the seeds."""
        return {**self.items, **({"panels": digest_of(BASES)} if self._asks_instructions else {})}

    @property
    def _asks_instructions(self) -> bool:
        return not CONSTRAINTS.keys().isdisjoint(self.recipe.evaluate.panels)

    def keep(self, label: str, ref: Ref) -> Ref:
        self.made[label] = ref
        return ref

    def shortage(self, ref: Ref) -> list[str]:
        """What a stage's record says is missing to continue with."""
        problems: list[str] = self.store.record(ref).get("shortage", [])
        return problems


def served_otherwise(recipe: Recipe) -> dict[str, Any]:
    """What a person had the engine do, which may change its answers, or whether there is room for them."""
    engine = recipe.engine
    found: dict[str, Any] = {"arguments": list(engine.arguments)} if engine.arguments else {}
    return found | ({CONTEXT: engine.context_tokens} if engine.context_tokens != EngineConfig().context_tokens else {})


def in_round(what: str, round: int) -> str:
    """How a stage of a later round is called."""
    return what if round == 1 else f"{what}, round {round}"


def numbered(name: str, refs: Sequence[Ref]) -> dict[str, Ref | str]:
    """Inputs of one kind, of which there may be several."""
    return {f"{name}-{i}": ref for i, ref in enumerate(refs)}


def save_rows(
    draft: Draft,
    rows_in: int,
    out: Sequence[Row],
    rejects: Sequence[Rejected],
    tables: Mapping[str, Sequence[Row]] | None = None,
) -> None:
    """Write the rows, the rejects, and the counts of the funnel. `tables` are written in place of the rows."""
    for name, rows in (tables or {"rows": out}).items():
        draft.table(name, rows)
    draft.table("rejects", rejects)
    draft.record["counts"] = {"in": rows_in, "out": len(out)}
    draft.record["rejected"] = dict(sorted(Counter(column(rejects, "rule")).items()))
