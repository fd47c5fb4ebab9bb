"""Plan: what an iteration of a recipe will ask, train and need, before anything runs. Upper bounds, and said so.

Assumed: as many low seeds as the threshold's quantile says, half where it is absolute (as the paper reports of V = 7);
nothing is cut short, nothing is taken out. Tokens are counted at two a word.
"""

from dataclasses import dataclass
from math import ceil

from tasks.config import Threshold
from tasks.recipes import Recipe
from tasks.records import Seed
from tasks.signals.collect import Collector

TOKENS_PER_WORD = 2  # English is 1.3 with most tokenizers; code and other languages more
AROUND_TOKENS = 400  # the longest prompt: principles, question, chat template
BYTES_LORA = 16  # float32 weight and gradient, two moments of Adam


@dataclass(frozen=True)
class Work:
    """One stage's requests: texts to write, readings (of log-probabilities, one token each), new tokens at most."""

    stage: str
    texts: int
    readings: int
    new_tokens: int


@dataclass(frozen=True)
class Shape:
    """What memory depends on, from a model's config.json; `parameters` in all."""

    parameters: float
    layers: int = 0
    hidden: int = 0
    intermediate: int = 0
    kv_width: int = 0  # key-value heads times their size
    vocabulary: int = 0


def work(recipe: Recipe, seeds: int) -> list[Work]:
    """The first iteration's requests by stage; later ones have more seeds by what was kept."""
    write, signals = recipe.write, recipe.signals
    set_aside = 0 if recipe.held_out else ceil(seeds * recipe.reading.held_out_share)
    held_out = recipe.evaluate.max_items if recipe.held_out else min(recipe.evaluate.max_items, set_aside)
    anchors = ceil(seeds * recipe.reading.anchor_share) if recipe.review.score != "random" else 0
    pool = max(0, seeds - set_aside - anchors)
    low, high = _sides(recipe.split.threshold, pool)
    low, high = low * ("sft" in recipe.branches), high * ("preference" in recipe.branches)
    instructions = low * write.instructions_per_low_seed
    answers = instructions * write.answers_per_instruction
    others = high * (write.flawed_per_high_seed + write.ordinary_per_high_seed)
    if recipe.target.candidates:  # in rounds, until they are spent
        rounds = recipe.target.candidates / max(instructions + answers + others, 1)
        instructions, answers, others = (round(rounds * count) for count in (instructions, answers, others))
    asked = Collector(signals, "", 0).calls([Seed(instruction="Say one or not.", response="It is 1, not 2.")], {})
    texts = sum(call.kind == "write" for call in asked)

    def written(stage: str, count: int) -> Work:
        return Work(stage, count, 0, count * write.max_new_tokens)

    def reviewed(stage: str, count: int) -> Work:
        reads = (len(asked) - texts) * count
        return Work(stage, texts * count, reads, texts * count * signals.sampled.max_new_tokens + reads)

    measured = Work("evaluate", 2 * held_out, 8 * held_out, 2 * held_out * (recipe.evaluate.max_new_tokens + 4))
    # A pair good, nine corruptions of it, three texts of the model's own; canaries and their twins; some a second time.
    looks = anchors * (9 * recipe.anchors.draws + 4) + 2 * recipe.anchors.canaries + recipe.anchors.retested
    own = 3 * anchors * recipe.anchors.own_texts
    judged = [
        Work("write [anchors]", own, 0, own * recipe.anchors.max_new_tokens),
        reviewed("judge the reviewer", looks),
    ]
    stages = [
        *(judged if anchors else []),
        reviewed("review [seeds]", pool if recipe.branches else 0),
        written("write [instructions]", instructions),
        written("write [answers]", answers),
        written("write [flawed, ordinary]", others),
        reviewed("review [written]", answers + others),
        measured,
    ]
    return [one for one in stages if one.texts or one.readings]


def _sides(threshold: Threshold, pool: int) -> tuple[int, int]:
    low = round(pool * (0.5 if threshold.quantile is None else threshold.quantile))
    return low, pool - low


def longest_prompt_tokens(recipe: Recipe, longest_words: int) -> int:
    """Of the longest request: the longest seed (instruction and response), what is said around it, and the answer."""
    answers = [recipe.write.max_new_tokens, recipe.evaluate.max_new_tokens]
    if "sampled" in recipe.signals.use:
        answers.append(recipe.signals.sampled.max_new_tokens)
    return longest_words * TOKENS_PER_WORD + AROUND_TOKENS + max(answers)


def memory_gib(recipe: Recipe, shape: Shape, served_bytes: int) -> dict[str, float]:
    """GiB by part: the engine's weights and the cache of all requests in flight; the trainer's weights, LoRA, logits.

    Training holds float32 weights whatever is served, since merging into bfloat16 loses the update.
    """
    engine, gib = recipe.engine, 2**30
    lora = recipe.dpo.lora.rank * shape.layers * (9 * shape.hidden + 3 * shape.intermediate + 2 * shape.kv_width)
    cache = 2 * shape.layers * shape.kv_width * served_bytes * engine.context_tokens * engine.in_flight
    rows = 2 * recipe.trainer.device_rows  # chosen and rejected at once
    logits = rows * recipe.dpo.max_tokens * shape.vocabulary * 4
    kept = rows * recipe.dpo.max_tokens * shape.layers * shape.hidden * 2  # layers' inputs, for checkpointing
    copies = 1 + (recipe.dpo.reference != "sft")
    found = {
        "engine: weights": shape.parameters * served_bytes,
        "engine: cache for all requests in flight at full length": cache,
        "trainer: weights": copies * shape.parameters * 4,
        "trainer: LoRA with gradient and optimizer": lora * BYTES_LORA,
        "trainer: logits and activations": logits + kept,
    }
    return {name: size / gib for name, size in found.items()}


def disk_gib(recipe: Recipe, shape: Shape) -> float:
    """Two merged float32 models an iteration, the starting model, and a checkpoint of the adapter beside."""
    return (2 * recipe.iterations + 2) * shape.parameters * 4 / 2**30
