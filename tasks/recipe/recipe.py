"""The recipe: every value that shapes an evolution, read from YAML, with settings from the command line on top.

load("demo", ["annotate.margin.score=1.5"])      # deployments/recipes/demo.yaml
"""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from tasks.recipe.data import AnnotateConfig, Branch, CleanConfig, ReadingConfig, SplitConfig, TargetConfig, WriteConfig
from tasks.recipe.evaluation import EvaluateConfig, GateConfig
from tasks.recipe.refusals import told
from tasks.recipe.review import AnchorsConfig, CalibrationConfig, ReviewConfig, SignalsConfig
from tasks.recipe.running import BudgetConfig, EngineConfig, ExecutionConfig, TrainerConfig
from tasks.recipe.training import DpoConfig, MixConfig, SftConfig, TeachConfig
from tasks.recipe.values import Config, Positive, none_twice
from tasks.recipe.verification import VerifyConfig
from tasks.store.home import ROOT

RECIPES = ROOT / "deployments" / "recipes"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
THRESHOLD = {"score", "quantile"}  # the keys of one, of which it has one


AROUND_TOKENS = 400  # of the longest prompt: principles, question, chat template


class Recipe(Config):
    """One evolution: from which model and seeds, and how each stage does its work."""

    name: Annotated[str, Field(pattern=NAME)]
    """The evolution's name."""
    model: str = "smollm2-135m-instruct"
    """Where it starts: a folder with safetensors, a hub name (owner/model[@revision]), or the default model."""
    seeds: str = "deployments/seeds/everyday.jsonl"
    """A file, a folder of files, or a dataset's name (owner/data:split)."""
    held_out: str | None = None
    """Seeds of your own that are only measured on, in place of a share of `seeds`."""
    iterations: Positive = 1
    """How many iterations it has."""
    sampling_seed: int = 1
    """What all sampling is seeded from."""
    training_seed: int | None = None
    """What training is seeded from (LoRA's beginnings, the rows' order), where it is not `sampling_seed`."""
    keep_rows_of_held_iterations: bool = False
    """Whether what a held iteration wrote joins the pool."""
    train_from: Literal["champion", "base"] = "champion"
    """What is trained: the model that the iteration started from, or M_0 anew on the rows of all iterations."""
    branches: Annotated[tuple[Branch, ...], AfterValidator(none_twice)] = ("sft", "preference")
    """What is written and trained on; none: SFT on the seeds alone."""
    reading: ReadingConfig = ReadingConfig()
    signals: SignalsConfig = SignalsConfig()
    anchors: AnchorsConfig = AnchorsConfig()
    calibration: CalibrationConfig = CalibrationConfig()
    review: ReviewConfig = ReviewConfig()
    split: SplitConfig = SplitConfig()
    write: WriteConfig = WriteConfig()
    clean: CleanConfig = CleanConfig()
    annotate: AnnotateConfig = AnnotateConfig()
    target: TargetConfig = TargetConfig()
    verify: VerifyConfig = VerifyConfig()
    teach: TeachConfig = TeachConfig()
    mix: MixConfig = MixConfig()
    sft: SftConfig = SftConfig()
    dpo: DpoConfig = DpoConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    trackers: tuple[Literal["tensorboard", "trackio", "wandb", "mlflow"], ...] = ()
    """Experiment trackers that get a run for each iteration."""
    budget: BudgetConfig = BudgetConfig()
    engine: EngineConfig = EngineConfig()
    execution: ExecutionConfig = ExecutionConfig()
    trainer: TrainerConfig = TrainerConfig()

    @model_validator(mode="after")
    def _score_has_its_signal(self) -> Self:
        if self.review.score in ("read", "sampled") and self.review.score not in self.signals.use:
            raise ValueError(
                f"review.score is {self.review.score!r}; signals.use has {', '.join(self.signals.use)}: add it"
            )
        return self

    @model_validator(mode="after")
    def _says_in_what_others_serve(self) -> Self:
        if self.execution.fan_out == "deployments" and self.engine.dtype == "auto":
            raise ValueError(
                "execution.fan_out is deployments, and engine.dtype auto: this run cannot know which device answers; "
                "set engine.dtype to bfloat16 (GPUs, and CPUs with units for it) or float32"
            )
        return self

    @model_validator(mode="after")
    def _has_something_to_train_on(self) -> Self:
        if not self.branches and not self.verify.used and self.mix.human_share < 1:
            raise ValueError("without branches nothing is written: set mix.human_share to 1 to train on the seeds")
        return self

    @model_validator(mode="after")
    def _guard_has_a_reviewer(self) -> Self:
        if self.verify.used and self.verify.guard and not (self.branches and self.review.score != "random"):
            raise ValueError(
                f"verify.guard is {self.verify.guard:g}, and no reviewer scores what passes: set it to 0, or give "
                "branches and a review.score other than random"
            )
        return self

    @model_validator(mode="after")
    def _trains_something(self) -> Self:
        if not (self.trains_sft or self.trains_dpo):
            raise ValueError("nothing is trained: edited texts (hindsight) make pairs alone, and verify.pairs is 0")
        return self

    @model_validator(mode="after")
    def _base_learns_from_all_rows(self) -> Self:
        if self.train_from == "base" and not self.mix.accumulate:
            raise ValueError(
                "train_from is base: M_0 would learn nothing of earlier iterations' rows: set mix.accumulate to true"
            )
        return self

    @property
    def seed_tokens(self) -> int:
        """What the longest request has room for, of a seed: less what is asked around it, and the answer to it."""
        answers = [self.write.max_new_tokens, self.evaluate.max_new_tokens]
        answers += [self.verify.max_new_tokens] if self.verify.used else []
        answers += [self.signals.sampled.max_new_tokens] if "sampled" in self.signals.use else []
        return self.engine.context_tokens - AROUND_TOKENS - max(answers)

    @property
    def trains_sft(self) -> bool:
        return "sft" in self.branches or self.verify.gives_sft_rows or not (self.branches or self.verify.used)

    @property
    def trains_dpo(self) -> bool:
        return "preference" in self.branches or (self.verify.used and self.verify.pairs > 0)


def asked_for(
    recipe: str, *, name: str = "", seeds: str = "", model: str = "", iterations: int = 0, settings: Sequence[str] = ()
) -> Recipe:
    """The recipe as a run asks for it: what is empty, or 0, is as the recipe has it. Raises ValueError as `load`."""
    own = {"name": name, "seeds": seeds, "model": model, "iterations": iterations}
    return load(recipe, [*(f"{key}={json.dumps(value)}" for key, value in own.items() if value), *settings])


def load(recipe: str, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name or path and apply `key=value` settings; raises ValueError naming file, key and value."""
    path = _path(recipe)
    return changed(_values(path), settings, str(path))


def _path(recipe: str) -> Path:
    path = Path(recipe) if recipe.endswith((".yaml", ".yml")) else RECIPES / f"{recipe}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.yaml")))
        raise ValueError(f"recipe {recipe!r}: no file {path}; give a path to a YAML file or one of: {known}")
    return path


class Once(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping: YAML would take the last one and say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number] and key != "<<":
                where = node.value[number][0].start_mark
                raise yaml.YAMLError(f"line {where.line + 1}: {key!r} stands there twice")
        return super().construct_mapping(node, deep)


def _values(path: Path, below: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The file's values over those of the recipe that it `extends`: a name, or a path from where the file lies."""
    if path.resolve() in below:
        raise ValueError(f"{path} extends itself, by way of {', '.join(file.name for file in below)}")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Once)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(values, dict):
        found = "nothing" if values is None else f"a {'list' if isinstance(values, list) else 'single value'}"
        raise ValueError(f"{path}: expected a mapping of keys to values, found {found}")
    extended = values.pop("extends", None)
    if extended is None:
        return values
    of_a_file = str(extended).endswith((".yaml", ".yml"))
    other = _path(str(path.parent / extended) if of_a_file else str(extended))
    return _merged(_values(other, (*below, path.resolve())), values)


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Mapping by mapping; a threshold is replaced whole, being one of two."""
    if under.keys() <= THRESHOLD >= over.keys():
        return over
    merged = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(under.get(key), dict)
        merged[key] = _merged(under[key], value) if both else value
    return merged


def changed(values: dict[str, Any], settings: Sequence[str], source: str = "the recipe") -> Recipe:
    """The recipe of these values with `key=value` settings on top; raises ValueError naming source, key and value."""
    values = copy.deepcopy(values)
    for setting in settings:
        _apply(values, setting)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise ValueError(told(error, source, Recipe)) from error


def _apply(values: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ValueError(f"--set {setting}: expected key=value, for example --set annotate.margin.score=1.5")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise ValueError(f"--set {setting}: {parent!r} is a single value and has no keys below it")
    if parents and last in THRESHOLD >= values.keys():
        values.clear()  # a threshold is one or the other
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"--set {setting}: the value is not valid YAML: {error}") from error
