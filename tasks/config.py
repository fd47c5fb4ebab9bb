"""The recipe: every value that shapes an evolution, as frozen pydantic models, validated when made.

`load("demo", ["annotate.margin.score=1.5"])` reads deployments/recipes/demo.yaml. Each stage's model is part of that
stage's fingerprint; EngineConfig and TrainerConfig say only how things are run, and are not.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tasks.provenance import ROOT

RECIPES = ROOT / "deployments" / "recipes"
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Threshold(Config):
    """Absolute, as published (`score: 7.0`), or relative to what was found (`quantile: 0.5`)."""

    score: float | None = None
    quantile: Share | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.score is None) == (self.quantile is None):
            raise ValueError("give either `score` (absolute) or `quantile` (0-1), and not both")
        return self

    def value(self, found: Sequence[float]) -> float:
        """The number to compare with, given the `found` values it is about (at least one for a quantile)."""
        return self.score if self.score is not None else float(np.quantile(np.asarray(found), self.quantile or 0.0))

    def __str__(self) -> str:
        return f"score {self.score:g}" if self.score is not None else f"quantile {self.quantile:g}"


class SeedsConfig(Config):
    """`held_out` is frozen: never trained on, only measured. `max_words` bounds instruction plus response."""

    held_out_share: Share = 0.2
    max_rows: Positive | None = None
    max_words: Positive = 1000


class ReviewConfig(Config):
    """A review whose labels have less than `min_label_mass` of the probability is unparsed, never a number."""

    min_label_mass: Share = 0.5
    max_unparsed_share: Share = 0.2


class SplitConfig(Config):
    """High is strictly above the threshold (V)."""

    threshold: Threshold = Threshold(score=7.0)


class WriteConfig(Config):
    """What is written for each seed; published: 4 instructions x 4 answers (low), 4 flawed responses (high)."""

    instructions_per_low_seed: Positive = 4
    answers_per_instruction: Positive = 4
    flawed_per_high_seed: Positive = 4
    max_new_tokens: Positive = 512
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Share = 0.9


class CleanConfig(Config):
    """Published: ROUGE-L above 0.70 within the family; instructions under 5 words; responses under 10 or over 4,096."""

    max_rouge_l: Share = 0.7
    min_instruction_words: Positive = 5
    min_response_words: Positive = 10
    max_response_words: Positive = 4096
    max_repeated_share: Share = 0.5  # of a text's word 4-grams that stood before in it
    keep_cut_off: bool = False  # texts that the token limit cut short


class AnnotateConfig(Config):
    """SFT keeps low-branch rows strictly above `sft_keep`; pairs need a margin strictly above `margin`."""

    sft_keep: Threshold = Threshold(score=8.0)
    margin: Threshold = Threshold(score=2.0)


class LoraConfig(Config):
    """On all linear layers."""

    rank: Positive = 8
    alpha: Positive = 16
    dropout: Share = 0.0


class SftConfig(Config):
    lora: LoraConfig = LoraConfig()
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    batch_rows: Positive = 32
    epochs: Positive = 3
    warmup_share: Share = 0.1
    max_tokens: Positive = 1024


class DpoConfig(SftConfig):
    """`beta` is not published; a checkpoint's name hints at 0.6."""

    learning_rate: Annotated[float, Field(gt=0)] = 5e-6
    beta: Annotated[float, Field(gt=0)] = 0.6


class EvaluateConfig(Config):
    max_items: Positive = 200
    max_new_tokens: Positive = 128


class GateConfig(Config):
    """Promoted: log-likelihood or preference accuracy surely up, and no axis surely beyond its tolerance."""

    min_items: Positive = 10  # an interval over a handful of items says nothing, and over one it has no width
    bootstrap_draws: Positive = 10_000
    confidence: Share = 0.95
    max_log_likelihood_loss: float = 0.02  # nats per token
    max_preference_loss: Share = 0.05
    length_ratio: tuple[float, float] = (0.5, 2.0)  # candidate's mean words over the champion's
    max_distinct_2_loss: Share = 0.1


class EngineConfig(Config):
    """How inference is run. `dtype` must have kernels on the device: bfloat16 is 7x slower than float32 on AVX2."""

    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "auto"
    context_tokens: Positive = 2048
    in_flight: Positive = 64  # requests the engine is given at once
    shard_requests: Positive = 2000  # requests of one Prefect task run, with an artifact of its own
    shards_at_once: Positive = 2  # the next shard fills the engine while the last answers of one come in
    kv_cache_gib: Positive = 1  # on a CPU only
    start_deadline_s: Positive = 600


class TrainerConfig(Config):
    """How training is run. A step's rows are spread over devices, `device_rows` at a time."""

    device_rows: Positive = 8
    save_steps: Positive = 50
    deadline_s: Positive = 48 * 3600


class Recipe(Config):
    """One evolution: from which model and seeds, and how each stage does its work."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    model: str = "smollm2-135m-instruct"
    seeds: str = "deployments/seeds/everyday.jsonl"
    iterations: Positive = 1
    sampling_seed: int = 1
    keep_rows_of_held_iterations: bool = False
    reading: SeedsConfig = SeedsConfig()
    review: ReviewConfig = ReviewConfig()
    split: SplitConfig = SplitConfig()
    write: WriteConfig = WriteConfig()
    clean: CleanConfig = CleanConfig()
    annotate: AnnotateConfig = AnnotateConfig()
    sft: SftConfig = SftConfig()
    dpo: DpoConfig = DpoConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    engine: EngineConfig = EngineConfig()
    trainer: TrainerConfig = TrainerConfig()


def load(recipe: str, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name or path and apply `key=value` settings; raises ValueError naming file, key and value."""
    path = Path(recipe) if recipe.endswith((".yaml", ".yml")) else RECIPES / f"{recipe}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.yaml")))
        raise ValueError(f"recipe {recipe!r}: no file {path}; give a path to a YAML file or one of: {known}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a mapping of keys to values, found {type(values).__name__}")
    for setting in settings:
        _apply(values, setting)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']} (found {e['input']!r})" for e in error.errors()]
        raise ValueError("\n".join([f"{path}: {len(lines)} value(s) are not as expected", *lines])) from error


def _apply(values: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ValueError(f"--set {setting}: expected key=value, for example --set annotate.margin.score=1.5")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise ValueError(f"--set {setting}: {parent!r} is a single value and has no keys below it")
    if parents and last in ("score", "quantile"):
        values.clear()  # a threshold is one or the other
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"--set {setting}: the value is not valid YAML: {error}") from error
