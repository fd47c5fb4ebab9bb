"""What comes in from outside: the seeds, from a file, a folder of files, or a dataset's name."""

from pathlib import Path

from tasks import seeds
from tasks.artifacts import Draft, Ref, Spec, sha256
from tasks.backends import launch
from tasks.jobs import Job
from tasks.provenance import ROOT
from tasks.runner import Runner

VERSION = 3  # 3: turns before the last question
DATASET_MODULE = "tasks.backends.dataset"


def take_in_seeds(runner: Runner) -> Ref:
    """The seeds as an artifact: `rows` to work on, `held_out` to measure on, `rejects`. ValueError for bad input."""
    config = runner.recipe.reading
    source = _files(runner)
    # Name and content: what is cached is what stands in the files now.
    files = [source] if source.is_file() else sorted(path for path in source.glob("*") if path.is_file())
    spec = Spec(
        stage="seeds",
        version=VERSION,
        config=config.model_dump(mode="json"),
        inputs={path.name: sha256(path) for path in files},
    )

    def save(draft: Draft) -> None:
        with runner.progress.bar(f"reading {source.name}") as bar:
            found = seeds.read(source, config, lambda count: bar.to(count))
        parts = seeds.divide(found.seeds, config.held_out_share, config.anchor_share)
        if not parts.held_out:
            raise ValueError(
                f"{source}: none of {len(found.seeds)} seeds is held out, so nothing could be measured; "
                "expected at least two different instructions and reading.held_out_share above 0"
            )
        draft.table("rows", parts.pool)
        draft.table("held_out", parts.held_out)
        draft.table("anchors", parts.anchors)
        draft.table("rejects", found.rejects)
        counts = {"in": found.rows_read, "out": len(found.seeds), "held out": len(parts.held_out)}
        counts |= {"anchors": len(parts.anchors)} if parts.anchors else {}
        counts |= {"repairs": found.repaired} if found.repaired else {}
        draft.record |= {"counts": counts, "rejected": found.rejected}
        draft.record |= {"source": str(source), "ignored_columns": found.ignored_columns}

    return runner.compute(spec, "seeds", save)


def _files(runner: Runner) -> Path:
    """The recipe's seeds as a path: relative to where one stands, or to the project; a dataset is fetched first."""
    given = runner.recipe.seeds
    for path in (Path(given).expanduser(), ROOT / given):
        if path.exists():
            return path
    if given.endswith((".jsonl", ".ndjson", ".json", ".csv", ".parquet")) or given.startswith((".", "/", "~")):
        raise ValueError(
            f"seeds {given}: no such file or folder; give the path of one, or a dataset's name like owner/data"
        )
    return _dataset(runner, given)


def _dataset(runner: Runner, given: str) -> Path:
    name, _, split = given.partition(":")
    spec = Spec(stage="dataset", version=VERSION, inputs={"name": name, "split": split or "train"})
    job = Job(
        store=runner.store.root,
        spec=spec,
        work=runner.work / f"dataset-{spec.fingerprint}",
        given={"name": name, "split": split or "train"},
    )
    if runner.store.find(spec) is None:
        with runner.progress.bar(f"dataset {given}"):
            launch.run(DATASET_MODULE, job, lambda _: None, env=launch.online())
    return runner.store.path(spec) / "rows.parquet"
