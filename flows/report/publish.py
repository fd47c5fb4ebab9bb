"""What `lance export` writes: a model or its adapter, and data, each with its card; and `--push`, to the hub."""

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flows.report import pages
from tasks.engines.processes import launch
from tasks.engines.processes.job import Job
from tasks.evolution import champion as champions
from tasks.evolution.funnel import rejects_by
from tasks.evolution.ledger import Iteration, Ledger
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.files import RECORD
from tasks.store.home import Home
from tasks.store.rows import Seed

ADAPTER, ADAPTER_VERSION = "tasks.train.jobs.adapter", 1
SFT, PAIRS = "sft", "preferences"
WHAT = {
    SFT: "`history`, `instruction`, `response`: examples of supervised fine-tuning",
    PAIRS: "`history`, `instruction`, `chosen`, `rejected`: preferences",
}


class Export:
    """The champion of an evolution, or the candidate of one of its iterations."""

    def __init__(self, home: Home, ledger: Ledger, iteration: int | None):
        """Raises ValueError for an iteration that came to no candidate."""
        self.ledger, self.store, self.work = ledger, Store.of(home), home.work
        step = champions.history(ledger)[-1]
        self.number = step.iteration if iteration is None else iteration
        self.one: Iteration | None = ledger.iterations[self.number - 1] if self.number else None
        candidate = self.one.candidate if self.one else ledger.base
        if candidate is None:
            raise ValueError(f"{ledger.name}: iteration {self.number} has no candidate to export")
        self.weights = candidate

    def model(self, folder: Path) -> None:
        """Weights, tokenizer, card. Raises ValueError for a folder with something in it, or weights that are gone."""
        self._copy(self._there(self.weights), folder, rank=None)

    def adapter(self, folder: Path) -> None:
        """What all trainings added to the starting model, as one LoRA adapter to it. Raises ValueError as `model`."""
        start, model = self._start(), self._there(self.weights)
        if model.digest == start.digest:
            raise ValueError(f"{self.ledger.name}: iteration {self.number} is the starting model, which has no adapter")
        config = {"most": self._added_rank(), "name": _public(self.ledger.model)}
        inputs = {"model": model.digest, "base": start.digest}
        spec = Spec(stage="adapter", version=ADAPTER_VERSION, config=config, inputs=inputs)
        given = config | {"model": str(self.store.folder(model)), "base": str(self.store.folder(start))}
        work = self.work / f"{spec.stage}-{spec.fingerprint}"
        launch.run(ADAPTER, Job(store=self.store.root, spec=spec, work=work, given=given), lambda _: None)
        made = self.store.find(spec)
        assert made
        self._copy(made, folder, rank=self.store.record(made)["rank"])

    def data(self, folder: Path) -> None:
        """Both parts as Parquet, and the card. Raises ValueError where nothing was trained on."""
        if self.one is None or "mix" not in self.one.stages:
            raise ValueError(f"{self.ledger.name}: iteration {self.number} has no training data to export")
        _empty(folder)
        found = {SFT: self._sft(self.one), PAIRS: self._pairs(self.one)}
        parts = []
        for name, rows in found.items():
            if rows:
                pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
                parts.append({"name": name, "rows": len(rows), "what": WHAT[name]})
        pages.write("dataset_card.md.j2", folder / "README.md", parts=parts, **self._common())

    def _copy(self, made: Ref, folder: Path, rank: int | None) -> None:
        _empty(folder)
        shutil.copytree(self.store.folder(made), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(RECORD))
        said = {"verdict": self.one and self.one.verdict, "rank": rank}
        pages.write("model_card.md.j2", folder / "README.md", **said, **self._common())

    def _there(self, model: Ref) -> Ref:
        if self.store.find(model) is None:
            raise ValueError(f"{self.store.path(model)}: missing or altered; the same `lance evolve` recomputes it")
        return model

    def _start(self) -> Ref:
        """The starting model as it was given: M_0 before it was taught."""
        if not self.ledger.teaching:
            assert self.ledger.base
            return self._there(self.ledger.base)
        wanted = self.store.record(self._there(self.ledger.teaching["teach"]))["inputs"]["model"]
        for ref in self.store.of_stage("base-model", lambda _: True):
            if ref.digest == wanted:
                return ref
        raise ValueError(f"{self.ledger.model}: missing or altered in the store; the same `lance evolve` fetches it")

    def _added_rank(self) -> int:
        """LoRA's ranks of all trainings up to this one together: the most that it can be, for some led nowhere."""
        earlier = self.ledger.iterations[: self.number]
        trained = [one.recipe[method] for one in earlier for method in ("sft", "dpo") if method in one.stages]
        trained += [one.recipe["teach"]["sft"] for one in self.ledger.iterations[:1] if self.ledger.teaching]
        return sum(config["lora"]["rank"] for config in trained)

    def _common(self) -> dict[str, Any]:
        model = _public(self.ledger.model)
        recipe = self.ledger.iterations[-1].recipe if self.ledger.iterations else {}
        mix = self.store.record(self.one.stages["mix"]) if self.one and "mix" in self.one.stages else None
        return {
            "name": self.ledger.name,
            "iteration": self.number,
            "iterations": len(self.ledger.iterations),
            "model": model,
            "base_model": model if "/" in model else "",
            "seeds": _public(recipe.get("seeds", "")),
            "taught": bool(self.ledger.teaching),
            "trained": [method.upper() for method in ("sft", "dpo") if self.one and method in self.one.stages],
            "counts": {k: v for k, v in mix["counts"].items() if k not in ("in", "out") and v} if mix else {},
            "hits": len(rejects_by(self.store, self.one.stages, "contamination")) if mix and self.one else None,
            "leaked": mix["leaked_rows"] if mix else None,
        }

    def _sft(self, one: Iteration) -> list[dict[str, Any]]:
        rows = self.store.rows(one.stages["mix"], TrainRow, "sft") if "sft" in one.stages else []
        written = {
            row.id: row
            for earlier in self.ledger.iterations[: one.number]
            for ref in earlier.annotated
            for row in self.store.rows(ref, SftRow, "sft")
        }
        sources = self._sources(one)
        found = []
        for row in rows:
            kept = next((written[parent] for parent in row.parents if parent in written), None)
            seed = kept.seed if kept else next(iter(row.parents), "")
            found.append(
                row.model_dump(mode="json")
                | {"seed": seed, "seed_source": sources.get(seed, "")}
                | {"score": kept.score if kept else None, "iteration": kept.iteration if kept else 0}
            )
        return found

    def _pairs(self, one: Iteration) -> list[dict[str, Any]]:
        rows = self.store.rows(one.stages["mix"], PreferencePair, "pairs") if "dpo" in one.stages else []
        sources = self._sources(one)
        return [row.model_dump(mode="json") | {"seed_source": sources.get(row.seed, "")} for row in rows]

    def _sources(self, one: Iteration) -> dict[str, str]:
        return {seed.id: seed.source for seed in self.store.rows(one.stages["pool"], Seed)}


def push(folder: Path, repo: str, kind: str) -> str:
    """Upload a folder to the hub, private; the address. Raises ValueError without a token."""
    if not os.environ.get("HF_TOKEN"):
        raise ValueError("--push needs a token of the hub: set HF_TOKEN in the environment")
    from huggingface_hub import HfApi

    api = HfApi(token=os.environ["HF_TOKEN"])
    api.create_repo(repo, repo_type=kind, private=True, exist_ok=True)
    return str(api.upload_folder(repo_id=repo, folder_path=folder, repo_type=kind))


def _public(given: str) -> str:
    """A hub's name as it is; of a path only the last part, since the others say where somebody's files lie."""
    is_path = Path(given).expanduser().exists() or given.startswith((".", "/", "~")) or given.count("/") > 1
    return Path(given).name if is_path else given


def _empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder}: expected a new or empty folder to export into; give another one")
    folder.mkdir(parents=True, exist_ok=True)
