"""Problems of a recipe that can be found without running it: seeds, model, labels, weights, lengths.

`problems` would end the run; `unknown` is what could not be found out here.
"""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from statistics import fmean

from flows.plan import forecast
from flows.plan.benchmark_shape import asks
from flows.plan.workload import Given, Words, Workload
from tasks.engines.calls import LABELS
from tasks.engines.models import DEFAULT, check_folder
from tasks.evaluate.benchmarks import requests as benchmarks
from tasks.recipe.data import ReadingConfig
from tasks.recipe.recipe import Recipe
from tasks.review import anchors, constitution
from tasks.seeds import reading as seeds
from tasks.seeds.files import there
from tasks.seeds.room import Room
from tasks.seeds.steps import NOBODY_KNOWS
from tasks.store.home import user_path
from tasks.store.rows import Seed
from tasks.text.words import length

LEAST_TOKENS = 100  # of a seed: an instruction and its answer of some sentences


@dataclass
class Checks:
    """`given`: seeds and benchmarks as far as they are here; `longest_words`, of an instruction with its response."""

    recipe: Recipe
    problems: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    given: Given = field(default_factory=lambda: Given(0))
    longest_words: int = 0
    known: int = 0  # seeds that know what is right
    room: Room | None = None  # for a seed, where the model's tokenizer is here

    def __post_init__(self) -> None:
        if (folder := user_path(self.recipe.model)).is_dir():
            with contextlib.suppress(Exception):  # whatever is wrong with the model is said below
                self.room = Room.of(folder, self.recipe.seed_tokens)
        self._look_at_seeds()
        self._check_model()
        self._check_reviewer()
        self._check_lengths()
        self._look_at_benchmarks()

    def _look_at_seeds(self) -> None:
        recipe, reading = self.recipe, self.recipe.reading
        found = self._seeds("seeds", recipe.seeds, reading)
        if found is None:
            self.given = Given(reading.max_rows or 0)
            self.unknown.append(
                f"what is in {recipe.seeds}: assumed are reading.max_rows ({reading.max_rows or 'none: 0'}) seeds with "
                f"{self.given.words.instruction:g} and {self.given.words.response:g} words"
            )
        else:
            sizes = [(length(" ".join([*one.history, one.instruction])), length(one.response)) for one in found]
            means = [fmean(words) for words in zip(*sizes, strict=True)] or [0, 0]
            self.given = Given(len(found), Words(*means))
            if found and "given" in recipe.verify.ways and not self.known:
                self.problems.append(NOBODY_KNOWS)
        measured = self._seeds("held_out", recipe.held_out, reading.model_copy(update={"max_rows": None}))
        if measured is not None:
            self.given = replace(self.given, held_out=len(measured))
        longest = [reading.max_words] if found is None else []
        longest += [
            length(" ".join([*s.history, s.instruction, s.response])) for s in (*(found or []), *(measured or []))
        ]
        self.longest_words = max(longest, default=0)

    def _seeds(self, key: str, given: str | None, reading: ReadingConfig) -> Sequence[Seed] | None:
        """None where the source is not here."""
        if path := there(given) if given else None:
            try:
                found = seeds.read(path, reading, lambda count: None, self.room)
                self.known = len(found.known) if key == "seeds" else self.known
                return found.seeds
            except ValueError as error:
                self.problems.append(str(error))
                return []
        if given and (given.startswith((".", "/", "~")) or Path(given).suffix):
            self.problems.append(f"{key} {given}: no such file or folder")
        return None

    def _check_model(self) -> None:
        model, folder = self.recipe.model, user_path(self.recipe.model)
        if folder.is_dir():
            try:
                check_folder(folder)
            except ValueError as error:
                self.problems.append(str(error))
        elif model != DEFAULT and (model.startswith((".", "/", "~")) or model.count("/") != 1):
            self.problems.append(f"model {model}: no such folder; give one, a hub name like owner/model, or {DEFAULT}")
        if "read" in self.recipe.signals.use and model != DEFAULT:
            self._check_labels(folder / "tokenizer.json")

    def _check_labels(self, file: Path) -> None:
        if not file.exists():
            self.unknown.append(
                "whether each digit is one token: the tokenizer is not here; the run checks it at its start"
            )
            return
        vocabulary = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
        if missing := [label for label in LABELS if label not in vocabulary]:
            self.problems.append(f"signal `read`: {', '.join(missing)} is no single token in {file}")

    def _check_reviewer(self) -> None:
        recipe = self.recipe
        try:
            constitution.load().weighted(recipe.review.weights)
        except ValueError as error:
            self.problems.append(str(error))
        count = self.given.seeds
        few = min(ceil(count * recipe.reading.anchor_share), recipe.reading.anchor_rows)
        if recipe.branches and recipe.review.score == "calibrated" and count and few < anchors.MIN_SEEDS:
            self.problems.append(
                f"calibration: about {few} of {count} seeds will be anchors, expected at least "
                f"{anchors.MIN_SEEDS}: raise reading.anchor_share"
            )

    def _look_at_benchmarks(self) -> None:
        try:
            found = benchmarks.named(self.recipe.evaluate.benchmarks)
        except ValueError as error:
            self.problems.append(str(error))
            return
        asked: dict[str, Workload | None] = {}
        for name, one in found.items():
            files = {"task": one.file, "data": user_path(one.data) if one.data else None}
            missing = [f"{key} {file}: no such file" for key, file in files.items() if file and not file.is_file()]
            try:
                asked |= {} if missing else {name: asks(one)}
            except ValueError as error:
                missing.append(str(error))
            self.problems += [f"benchmark {name}: {what}" for what in missing]
        self.given = replace(self.given, benchmarks=tuple(one for one in asked.values() if one))
        if unknown := [name for name, one in asked.items() if one is None]:
            self.unknown.append(
                f"what {', '.join(unknown)} ask: their items are not on this machine, and are not counted"
            )

    def _check_lengths(self) -> None:
        recipe, longest = self.recipe, self.longest_words * forecast.TOKENS_PER_WORD
        if recipe.seed_tokens < LEAST_TOKENS:
            self.problems.append(
                f"engine.context_tokens is {recipe.engine.context_tokens}, which leaves {recipe.seed_tokens} tokens to "
                "a seed, beside what is asked around it and written for it: raise it"
            )
        elif self.room is None and longest > recipe.seed_tokens:
            self.unknown.append(
                f"how many seeds are too long for the model: the longest may have {longest} tokens, and "
                f"engine.context_tokens has room for {recipe.seed_tokens}; longer ones are left out"
            )
        row = self.longest_words * forecast.TOKENS_PER_WORD
        for method, config in (("sft", recipe.sft), ("dpo", recipe.dpo)):
            if row > config.max_tokens:
                self.unknown.append(
                    f"how many rows are too long to train on: the longest may have {row} tokens, "
                    f"{method}.max_tokens is {config.max_tokens}, and longer ones are left out"
                )
