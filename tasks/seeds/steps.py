"""Seeds to work on and to measure on, from a file, a folder, or a dataset's name; and the pool of an iteration."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from tasks.clean.contamination import Contamination
from tasks.execution.stage import Stages, numbered, save_rows
from tasks.recipe.data import ReadingConfig
from tasks.seeds import parts as dividing
from tasks.seeds import reading
from tasks.seeds.files import READERS, files_of, there
from tasks.seeds.formats.opened import kind
from tasks.seeds.room import Room
from tasks.store.artifacts import Draft, Ref, Store
from tasks.store.examples import SftRow
from tasks.store.files import sha256
from tasks.store.rows import Seed
from tasks.store.tables import Rows, column, where
from tasks.store.verified import Asked, Question
from tasks.store.vetoes import without
from tasks.verify.steps import known as known_by

VERSION = 8  # 6: context, system texts and history; 7: tables as JSON, other encodings; 8: what rows know is right
PARTS = ("rows", "held_out", "anchors")
DATASET_VERSION = 3
DATASET = "tasks.seeds.jobs.dataset"
POOL_VERSION = 3  # 2: without what models are measured on; 3: what a vetoed row was made from stays known


NOBODY_KNOWS = (
    "verify.ways has `given`, and no seed that is worked on knows what is right: expected a column `answer`, `tests` "
    "or `check`, or responses that end with `#### N`; reading.columns maps other names"
)


def take_in_seeds(stages: Stages, model: Ref | None = None) -> Ref:
    """The seeds as an artifact: `rows` to work on, `held_out` to measure on, `rejects`. ValueError for bad input.

    Without those that are too long for `model`.
    """
    recipe = stages.recipe
    config = recipe.reading
    room = Room.of(stages.store.folder(model), recipe.seed_tokens) if model else None
    source = _files(stages, "seeds", recipe.seeds)
    measured = _files(stages, "held_out", recipe.held_out) if recipe.held_out else None

    def read(path: Path, config: ReadingConfig) -> reading.SeedSet:
        with stages.runner.progress.bar(f"reading {path.name}") as bar:
            return reading.read(path, config, lambda count: bar.to(count), room)

    def save(draft: Draft) -> None:
        found = read(source, config)
        apart = read(measured, config.model_copy(update={"max_rows": None})) if measured else None
        if apart:
            found = found.without(apart.seeds)
        parts = dividing.divide(
            found.seeds,
            0 if apart else config.held_out_share,
            config.anchor_share,
            held_out_most=config.held_out_rows,
            anchors_most=config.anchor_rows,
        )
        if apart:
            parts = replace(parts, held_out=apart.seeds)
        if not parts.held_out:
            raise ValueError(
                f"{source}: none of {len(found.seeds)} seeds is held out, so nothing could be measured; "
                "expected at least two different instructions and reading.held_out_share above 0"
            )
        draft.table("rows", parts.pool)
        draft.table("held_out", parts.held_out)
        draft.table("anchors", parts.anchors)
        knowing = where(parts.pool, [name in found.known for name in column(parts.pool, "id")])
        if questions := [_question(seed, found.known[seed.id]) for seed in knowing]:
            draft.table("questions", questions)
        draft.table("rejects", [*found.rejects, *(apart.rejects if apart else [])])
        counts = {"in": found.rows_read, "out": len(found.seeds), "held out": len(parts.held_out)}
        counts |= {"anchors": len(parts.anchors)} if parts.anchors else {}
        counts |= {"with a known answer": len(questions)} if questions else {}
        counts |= {"repairs": found.repaired} if found.repaired else {}
        draft.record |= {"counts": counts, "rejected": found.rejected}
        draft.record |= {"source": str(source), "ignored_columns": found.ignored_columns}
        if apart:
            draft.record["held_out"] = {"source": str(measured), "in": apart.rows_read, "rejected": apart.rejected}

    inputs: dict[str, Ref | str] = {**_digests(source)}
    inputs |= {f"held_out/{name}": sha for name, sha in _digests(measured).items()} if measured else {}
    if model:
        inputs |= {"tokenizer": stages.store.record(model)["files"]["tokenizer.json"], "room": str(recipe.seed_tokens)}
    found = stages.compute("seeds", version=VERSION, config=config, inputs=inputs, save=save)
    if "given" in recipe.verify.ways and not known_by(stages.store, found):
        raise ValueError(f"{source}: {NOBODY_KNOWS}")
    return found


def only_added(store: Store, then: Ref, now: Ref) -> bool:
    """Whether `now` has all rows of `then` and what they know, read in the same way: others may stand beside them."""
    read = [{key: store.record(ref)["inputs"].get(key) for key in ("tokenizer", "room")} for ref in (then, now)]
    before, after = ({id for part in PARTS for id in store.rows(ref, Seed, part).column("id")} for ref in (then, now))
    known, still = ({row.seed: row.checks for row in known_by(store, ref)} for ref in (then, now))
    both = set(store.rows(then, Seed).column("id")) & set(store.rows(now, Seed).column("id"))
    return read[0] == read[1] and before <= after and all(known.get(id) == still.get(id) for id in both)


def pool(stages: Stages, seeds: Ref, grown_from: Sequence[Ref]) -> Ref:
    """The seeds that may be worked on, with what earlier iterations wrote and a reviewer kept.

    Answers to questions that rules check are trained on again and are no seeds: constraints are in what was asked.
    """
    grown_from = [ref for ref in grown_from if ref.stage == "annotate"]
    config, (vetoed, vetoes) = stages.recipe.clean, stages.vetoed(before=stages.number)

    def save(draft: Draft) -> None:
        rows = stages.store.rows(seeds, Seed)
        if grown_from:
            grown = (row.as_seed() for row in stages.store.rows(grown_from, SftRow, "sft"))
            rows = Rows.of(Seed, chain(rows, grown))
        seen = set[str]()
        once = [not (name in seen or seen.add(name)) for name in rows.column("id")]  # type: ignore[func-returns-value]
        kept, rejects = without(rows.where(once), vetoed)
        if "contamination" not in config.without:
            rule = Contamination(config, stages.not_to_train_on(seeds), stages.store.kept)
            kept, hits = rule.rows(kept)
            rejects += hits
        save_rows(draft, len(rows), kept, rejects)

    inputs: dict[str, Ref | str] = {"seeds": seeds, **vetoes, **stages.measured_on}
    return stages.compute(
        "pool", version=POOL_VERSION, config=config, inputs=inputs | numbered("written", grown_from), save=save
    )


def _question(seed: Seed, checks: tuple[Asked, ...]) -> Question:
    return Question(
        way="given",
        seed=seed.id,
        history=seed.history,
        instruction=seed.instruction,
        checks=checks,
        iteration=0,
        draw=0,
        about=checks[0].check,
        parents=(seed.id,),
    )


def _digests(source: Path) -> dict[str, str]:
    """Of files by name: what is cached is what is in them now."""
    return {name: sha256(path) for name, path in files_of(source).read.items()}


def _files(stages: Stages, key: str, given: str) -> Path:
    """What a key of the recipe names, as a path: from the working directory or the project, or a dataset fetched."""
    if found := there(given):
        return found
    if kind(Path(given)) in READERS or given.startswith((".", "/", "~")):
        raise ValueError(
            f"{key} {given}: no such file or folder; give the path of one, or a dataset's name like owner/data"
        )
    return _dataset(stages, given)


def _dataset(stages: Stages, given: str) -> Path:
    name, _, split = given.partition(":")
    asked = {"name": name, "split": split or "train"}
    label = f"dataset {given}"
    made = stages.job(
        "dataset",
        label,
        version=DATASET_VERSION,
        config={},
        inputs=asked,
        module=DATASET,
        given=dict(asked),
        online=True,
    )
    return stages.store.folder(made) / "rows.parquet"
