"""What stands in a recipe's way, as far as it can be known without running it: seeds, model, labels, weights, lengths.

`problems` would end the run; `open` is what could not be found out here.
"""

import json
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from tasks import anchors, benchmarks, constitution
from tasks import plan as forecast
from tasks.backends.models import DEFAULT, check_folder
from tasks.calls import LABELS
from tasks.home import user_path
from tasks.provenance import ROOT
from tasks.recipes import Recipe
from tasks.seed_files import read_rows
from tasks.text import length


@dataclass
class Checks:
    """`seeds` and `longest_words` (of instruction and response) as far as `reading` takes them."""

    recipe: Recipe
    problems: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    seeds: int = 0
    longest_words: int = 0

    def __post_init__(self) -> None:
        self._look_at_seeds()
        self._check_model()
        self._check_reviewer()
        self._check_lengths()
        self._check_benchmarks()

    def _look_at_seeds(self) -> None:
        reading = self.recipe.reading
        lengths = self._lengths("seeds", self.recipe.seeds)
        if lengths is None:
            self.open.append(
                f"how many seeds {self.recipe.seeds} has: reading.max_rows is taken ({reading.max_rows or 'none: 0'})"
            )
            self.seeds, self.longest_words = reading.max_rows or 0, reading.max_words
        else:
            taken = lengths[: reading.max_rows]
            self.seeds, self.longest_words = len(taken), min(max(taken, default=0), reading.max_words)
        if self.recipe.held_out:
            measured = self._lengths("held_out", self.recipe.held_out) or []
            self.longest_words = max(self.longest_words, min(max(measured, default=0), reading.max_words))

    def _lengths(self, key: str, given: str) -> list[int] | None:
        """Words of each row; None where the source is not here."""
        for path in (user_path(given), ROOT / given):
            if path.exists():
                try:
                    return [length(" ".join(map(str, row.values.values()))) for row in read_rows(path)]
                except ValueError as error:
                    self.problems.append(str(error))
                    return []
        if given.startswith((".", "/", "~")) or Path(given).suffix:
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
            self.open.append(
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
        few = ceil(self.seeds * recipe.reading.anchor_share)
        if recipe.branches and recipe.review.score == "calibrated" and self.seeds and few < anchors.MIN_SEEDS:
            self.problems.append(
                f"calibration: about {few} of {self.seeds} seeds will be anchors, expected at least "
                f"{anchors.MIN_SEEDS}: raise reading.anchor_share"
            )

    def _check_benchmarks(self) -> None:
        try:
            found = benchmarks.named(self.recipe.evaluate.benchmarks)
        except ValueError as error:
            self.problems.append(str(error))
            return
        for name, one in found.items():
            for key, file in (("task", one.file), ("data", user_path(one.data) if one.data else None)):
                if file and not file.is_file():
                    self.problems.append(f"benchmark {name}: {key} {file}: no such file")
        if found:
            self.open.append(f"what {', '.join(found)} ask: a run finds that out, and it is in no figure here")

    def _check_lengths(self) -> None:
        recipe, longest = self.recipe, forecast.longest_prompt_tokens(self.recipe, self.longest_words)
        if longest > recipe.engine.context_tokens:
            self.problems.append(
                f"the longest request may take {longest} tokens, engine.context_tokens is "
                f"{recipe.engine.context_tokens}: raise it, or lower reading.max_words and what is written"
            )
        row = self.longest_words * forecast.TOKENS_PER_WORD
        for method, config in (("sft", recipe.sft), ("dpo", recipe.dpo)):
            if row > config.max_tokens:
                self.open.append(
                    f"how many rows are too long to train on: the longest may have {row} tokens, "
                    f"{method}.max_tokens is {config.max_tokens}, and longer ones are left out"
                )
