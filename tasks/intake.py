"""What comes in from outside: seeds to work on and to measure on, from a file, a folder, or a dataset's name."""

from dataclasses import replace
from pathlib import Path

from tasks import seeds
from tasks.artifacts import Draft, Ref, Spec, sha256
from tasks.backends import launch
from tasks.config import SeedsConfig
from tasks.home import user_path
from tasks.jobs import Job
from tasks.provenance import ROOT
from tasks.runner import Runner

VERSION = 4  # 4: what is measured on may come from elsewhere
DATASET_VERSION = 3
DATASET_MODULE = "tasks.backends.dataset"


def take_in_seeds(runner: Runner) -> Ref:
    """The seeds as an artifact: `rows` to work on, `held_out` to measure on, `rejects`. ValueError for bad input."""
    config = runner.recipe.reading
    source = _files(runner, "seeds", runner.recipe.seeds)
    measured = _files(runner, "held_out", runner.recipe.held_out) if runner.recipe.held_out else None
    inputs = _digests(source) | (
        {f"held_out/{name}": sha for name, sha in _digests(measured).items()} if measured else {}
    )
    spec = Spec(stage="seeds", version=VERSION, config=config.model_dump(mode="json"), inputs=inputs)

    def read(path: Path, config: SeedsConfig) -> seeds.SeedSet:
        with runner.progress.bar(f"reading {path.name}") as bar:
            return seeds.read(path, config, lambda count: bar.to(count))

    def save(draft: Draft) -> None:
        found = read(source, config)
        apart = read(measured, config.model_copy(update={"max_rows": None})) if measured else None
        if apart:
            found = found.without(apart.seeds)
        parts = seeds.divide(found.seeds, 0 if apart else config.held_out_share, config.anchor_share)
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
        draft.table("rejects", [*found.rejects, *(apart.rejects if apart else [])])
        counts = {"in": found.rows_read, "out": len(found.seeds), "held out": len(parts.held_out)}
        counts |= {"anchors": len(parts.anchors)} if parts.anchors else {}
        counts |= {"repairs": found.repaired} if found.repaired else {}
        draft.record |= {"counts": counts, "rejected": found.rejected}
        draft.record |= {"source": str(source), "ignored_columns": found.ignored_columns}
        if apart:
            draft.record["held_out"] = {"source": str(measured), "in": apart.rows_read, "rejected": apart.rejected}

    return runner.compute(spec, "seeds", save)


def _digests(source: Path) -> dict[str, str]:
    """Of files by name: what is cached is what stands in them now."""
    files = [source] if source.is_file() else sorted(path for path in source.glob("*") if path.is_file())
    return {path.name: sha256(path) for path in files}


def _files(runner: Runner, key: str, given: str) -> Path:
    """What a key of the recipe names, as a path: from where one stands, or the project; a dataset is fetched first."""
    for path in (user_path(given), ROOT / given):
        if path.exists():
            return path
    if given.endswith((".jsonl", ".ndjson", ".json", ".csv", ".parquet")) or given.startswith((".", "/", "~")):
        raise ValueError(
            f"{key} {given}: no such file or folder; give the path of one, or a dataset's name like owner/data"
        )
    return _dataset(runner, given)


def _dataset(runner: Runner, given: str) -> Path:
    name, _, split = given.partition(":")
    spec = Spec(stage="dataset", version=DATASET_VERSION, inputs={"name": name, "split": split or "train"})
    job = Job(
        store=runner.store.root,
        spec=spec,
        work=runner.work / f"dataset-{spec.fingerprint}",
        given={"name": name, "split": split or "train"},
    )
    if runner.store.find(spec) is None:
        with runner.progress.bar(f"dataset {given}") as bar:
            launch.run(DATASET_MODULE, job, bar.hear, env=launch.online())
    return runner.store.path(spec) / "rows.parquet"
