"""Train: what SFT and DPO are given, then each in a child process on the device."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from tasks.clean.contamination import Contamination
from tasks.execution.stage import Stages, numbered, save_rows
from tasks.recipe.training import SftConfig
from tasks.review import anchors, constitution, skill
from tasks.store.artifacts import Draft, Ref
from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.rows import Rejected, Seed
from tasks.store.tables import Rows, column, some
from tasks.store.vetoes import without
from tasks.train import mix as mixing

TRAINER, DIVERGENCE = "tasks.train.jobs.trl", "tasks.train.jobs.divergence"
DIVERGENCE_VERSION = 1
VERSION = 4  # 4: rows that are too long stay out whole


def teach(stages: Stages, model: Ref, pool: Ref) -> Ref:
    """M_0: the starting model after SFT on graded reviews and the seeds themselves; as it is where none are wanted."""
    config, (vetoed, vetoes) = stages.recipe.teach, stages.vetoed()
    if not config.skill_rows:
        return model

    def save(draft: Draft) -> None:
        seeds, _ = without(stages.store.rows(pool, Seed), vetoed)
        rows = [TrainRow.of(seed) for seed in seeds] if config.with_seeds else []
        rows += some(_skill(seeds), config.skill_rows)
        draft.table("sft", rows)
        draft.record["counts"] = {"in": len(seeds), "out": len(rows)}

    rows = stages.compute(
        "teach",
        "reviews to learn",
        version=mixing.VERSION,
        config=config,
        inputs={"pool": pool, **vetoes},
        prompts=skill.PROMPTS,
        save=save,
    )
    taught = _train(stages, "sft", "teach", model, rows, "sft.parquet", config.sft)
    if missing := stages.shortage(taught):
        raise ValueError(f"M_0 cannot be taught: {'; '.join(missing)}")
    return taught


def mix(stages: Stages, rows: Sequence[Ref], earlier: Sequence[Ref], pool: Ref, seeds: Ref) -> Ref:
    """What is trained on: this iteration's rows and pairs, earlier ones if the recipe says so, and shares beside.

    What is measured on may have changed since earlier iterations wrote, so nothing of it is let through here either.
    """
    clean = stages.recipe.clean
    config, store, (vetoed, vetoes) = stages.recipe.mix, stages.store, stages.vetoed()
    sources = [*(earlier if config.accumulate else []), *rows]
    most = {
        "per_prompt": stages.recipe.annotate.pairs_per_prompt,
        "per_question": stages.recipe.verify.pairs_per_question,
    }
    trains = {"sft": stages.recipe.trains_sft, "pairs": stages.recipe.trains_dpo}

    def save(draft: Draft) -> None:
        there = store.rows(pool, Seed)
        human, _ = without(there.where([origin == "given" for origin in there.column("origin")]), vetoed)
        written: Sequence[SftRow] = store.rows(sources, SftRow, "sft")
        found: Sequence[PreferencePair] = store.rows(sources, PreferencePair, "pairs")
        rows_in, leaks = len(written) + len(found), list[Rejected]()
        rule = Contamination(clean, stages.not_to_train_on(seeds), store.kept)
        if "contamination" not in clean.without:
            written, of_rows = rule.rows(written)
            found, of_pairs = rule.rows(found)
            leaks = of_rows + of_pairs
        sft, over = mixing.mix(written, human, _skill(human) if config.skill_share else [], config)
        pairs, doubled = mixing.preferences(found, **most)
        rejects = Rows.of(Rejected, chain(leaks, over, doubled))
        save_rows(draft, rows_in, sft, rejects, tables={"sft": sft, "pairs": pairs})
        draft.record["counts"]["out"] += len(pairs)
        origins = column(sft, "origin")
        # None, where the rule is used; where not, the gate has to know: a figure on what was trained on says nothing.
        draft.record["leaked_rows"] = sum(hit is not None for rows in (sft, pairs) for hit in rule.hits(rows))
        draft.record["counts"] |= {name: origins.count(name) for name in sorted(set(origins))} | {"pairs": len(pairs)}
        left_out = "; ".join(f"{rule}: {count}" for rule, count in draft.record["rejected"].items()) or "nothing came"
        draft.record["shortage"] = [
            f"no {what} to train on: {left_out}; human rows: {len(human)} (mix.human_share {config.human_share:g})"
            for what, rows in (("sft", sft), ("pairs", pairs))
            if trains[what] and not rows
        ]

    inputs: dict[str, Ref | str] = {"pool": pool, "seeds": seeds, **vetoes, **stages.measured_on}
    beside = {**most, **trains, "clean": clean.model_dump(mode="json")}
    return stages.compute(
        "mix",
        version=mixing.VERSION,
        config=config.model_dump(mode="json") | beside,
        inputs=inputs | numbered("rows", sources),
        prompts=skill.PROMPTS if config.skill_share else (),
        save=save,
    )


def sft(stages: Stages, model: Ref, rows: Ref) -> Ref:
    """A model; an adapter to `model` where DPO goes on from it."""
    whole = not stages.recipe.trains_dpo
    return _train(stages, "sft", "sft", model, rows, "sft.parquet", stages.recipe.sft, whole=whole)


def dpo(stages: Stages, tuned: Ref, rows: Ref, *, start: Ref, champion: Ref, base: Ref) -> Ref:
    """`tuned` is what SFT made of `start`, or `start` itself."""
    reference = {"sft": tuned, "champion": champion, "base": base}[stages.recipe.dpo.reference]
    return _train(stages, "dpo", "dpo", tuned, rows, "pairs.parquet", stages.recipe.dpo, reference, start)


def divergence(stages: Stages, candidate: Ref, base: Ref, seeds: Ref) -> Ref:
    """How far the candidate is from M_0, on the held-out seeds; tracked, and no axis of the gate."""
    most = stages.recipe.dpo.max_tokens
    given = {
        "model": str(stages.store.folder(candidate)),
        "base": str(stages.store.folder(base)),
        "rows": str(stages.store.folder(seeds) / "held_out.parquet"),
        "max_tokens": most,
        "processes": 1,
    }
    return stages.train(
        "divergence",
        version=DIVERGENCE_VERSION,
        config={"max_tokens": most},
        inputs={"model": candidate, "base": base, "rows": stages.store.record(seeds)["files"]["held_out.parquet"]},
        module=DIVERGENCE,
        given=given,
    )


def _skill(seeds: Sequence[Seed]) -> list[TrainRow]:
    return skill.rows(anchors.human(seeds, draws=1), constitution.load())


def _train(
    stages: Stages,
    method: str,
    label: str,
    model: Ref,
    rows: Ref,
    table: str,
    config: SftConfig,
    reference: Ref | None = None,
    start: Ref | None = None,
    *,
    whole: bool = True,
) -> Ref:
    """`start`: what `model` is an adapter to, where it is none itself."""
    recipe, store = stages.recipe, stages.store
    of_its_own = reference is not None and reference != model
    given = {
        "method": method,
        "model": str(store.folder(start or model)),
        "adapter": str(store.folder(model)) if start and start != model else "",
        "whole": whole,
        "rows": str(store.folder(rows) / table),
        "config": config.model_dump(mode="json"),
        "reference": str(store.folder(reference)) if reference and of_its_own else "",
        "device_rows": recipe.trainer.device_rows,
        "save_steps": recipe.trainer.save_steps,
        "processes": recipe.trainer.processes,
        "machines": recipe.execution.trainers,
        "dtype": recipe.trainer.dtype,
        "attention": recipe.trainer.attention,
        "checkpointing": recipe.trainer.checkpointing,
        "seed": recipe.sampling_seed if recipe.training_seed is None else recipe.training_seed,
    }
    beside: dict[str, Any] = {} if recipe.training_seed is None else {"training_seed": recipe.training_seed}
    beside |= {} if whole else {"kept": "adapter"}
    # The table's digest, not the artifact's: other pairs do not make it another SFT.
    inputs: dict[str, Ref | str] = {"model": model, "rows": store.record(rows)["files"][table]}
    inputs |= {"reference": reference} if reference and of_its_own else {}
    return stages.train(
        method,
        label,
        version=VERSION,
        config=config.model_dump(mode="json") | beside,
        inputs=inputs,
        sampling="evolution",  # LoRA's beginnings, the rows' order
        module=TRAINER,
        given=given,
    )
