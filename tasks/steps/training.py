"""Train: what SFT and DPO are given, then each in a child process on the device."""

from collections.abc import Sequence

from tasks import anchors, constitution, skill
from tasks import mix as mixing
from tasks.artifacts import Draft, Ref
from tasks.config import SftConfig
from tasks.examples import PreferencePair, SftRow, TrainRow
from tasks.records import Seed
from tasks.steps.base import Stages

TRAINER = "tasks.backends.trl"
VERSION = 3  # 3: rows with their own system message


def teach(stages: Stages, model: Ref, seeds: Ref) -> Ref:
    """M_0: the starting model after SFT on graded reviews and the seeds themselves; as it is where none are wanted."""
    config = stages.recipe.teach
    if not config.skill_rows:
        return model

    def save(draft: Draft) -> None:
        pool = stages.store.rows(seeds, Seed)
        rows = [TrainRow.of(seed) for seed in pool] if config.with_seeds else []
        rows += mixing.some(_skill(pool), config.skill_rows)
        draft.table("sft", rows)
        draft.record["counts"] = {"in": len(pool), "out": len(rows)}

    spec = stages.spec("teach", mixing.VERSION, config, {"seeds": seeds}, ("principles", "read", "sampled", "review"))
    rows = stages.compute("reviews to learn", spec, save)
    return _train(stages, "sft", "teach", model, rows, "sft.parquet", config.sft)


def mix(stages: Stages, rows: Ref, earlier: Sequence[Ref], seeds: Ref) -> Ref:
    """What is trained on: this iteration's rows and pairs, earlier ones if the recipe says so, and shares beside."""
    config, store = stages.recipe.mix, stages.store
    sources = [*(earlier if config.accumulate else []), rows]

    def save(draft: Draft) -> None:
        pool = store.rows(seeds, Seed)
        written = [row for ref in sources for row in store.rows(ref, SftRow, "sft")]
        sft = mixing.mix(written, pool, _skill(pool) if config.skill_share else [], config)
        pairs = {pair.id: pair for ref in sources for pair in store.rows(ref, PreferencePair, "pairs")}
        draft.table("sft", sft)
        draft.table("pairs", list(pairs.values()))
        origins = [row.origin for row in sft]
        draft.record["counts"] = {name: origins.count(name) for name in sorted(set(origins))} | {
            "in": len(written) + len(pairs),
            "out": len(sft) + len(pairs),
        }

    inputs = {"seeds": seeds} | {f"rows-{i}": ref for i, ref in enumerate(sources)}
    used = ("principles", "read", "sampled", "review") if config.skill_share else ()
    return stages.compute("mix", stages.spec("mix", mixing.VERSION, config, inputs, used), save)


def sft(stages: Stages, model: Ref, rows: Ref) -> Ref:
    return _train(stages, "sft", "sft", model, rows, "sft.parquet", stages.recipe.sft)


def dpo(stages: Stages, model: Ref, rows: Ref) -> Ref:
    return _train(stages, "dpo", "dpo", model, rows, "pairs.parquet", stages.recipe.dpo)


def _skill(pool: Sequence[Seed]) -> list[TrainRow]:
    return skill.rows(anchors.human(pool, draws=1), constitution.load())


def _train(stages: Stages, method: str, label: str, model: Ref, rows: Ref, table: str, config: SftConfig) -> Ref:
    recipe, store = stages.recipe, stages.store
    given = {
        "method": method,
        "model": str(store.path(model)),
        "rows": str(store.path(rows) / table),
        "config": config.model_dump(mode="json"),
        "device_rows": recipe.trainer.device_rows,
        "save_steps": recipe.trainer.save_steps,
        "cpu": stages.runner.platform.name == "cpu",
        "seed": recipe.sampling_seed,
    }
    # The table's digest, not the artifact's: other pairs do not make it another SFT.
    of_table = store.record(rows)["files"][table]
    spec = stages.spec(method, VERSION, config, {"model": model})
    sampling = {"seed": recipe.sampling_seed}  # of LoRA's beginnings and the rows' order
    spec = spec.model_copy(update={"inputs": spec.inputs | {"rows": of_table}, "sampling": sampling})
    return stages.keep(label, stages.runner.train(spec, label, TRAINER, given))
