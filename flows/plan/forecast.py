"""Plan: what an iteration of a recipe will ask, read and train on, before anything runs. Upper bounds, and said so.

Assumed: as many low seeds as the threshold's quantile says, half where it is absolute (as the paper reports of V = 7);
nothing is cut short, nothing is cleaned away; later iterations have more by what the first one keeps.
"""

from math import ceil, inf

from flows.plan.workload import MEAN_TOKENS_PER_WORD, TEMPLATE_TOKENS, Given, Words, Workload, summed
from tasks.engines.calls import Call
from tasks.evaluate import panels
from tasks.recipe.data import Branch
from tasks.recipe.recipe import AROUND_TOKENS, Recipe
from tasks.recipe.training import DpoConfig, SftConfig
from tasks.recipe.values import Threshold
from tasks.recipe.verification import Way
from tasks.review.signals.collect import Collector
from tasks.store.rows import Seed
from tasks.text.words import length

TOKENS_PER_WORD = 2  # of one text that must fit: English is 1.3 with most tokenizers; code and other languages more


def workload(recipe: Recipe, given: Given, number: int = 1) -> list[Workload]:
    """What iteration `number` does, by stage. The first one teaches, measures and judges the champion too."""
    one = _Iteration(recipe, given)
    one.pool += (number - 1) * one.kept  # as seeds
    before = [one.teaching(), *one.measuring("champion"), *one.judging("")] if number == 1 else []
    new = recipe.evaluate.test_panels and number == 1  # later champions were asked as candidates
    before += [one.asked_panels("champion", parts=1 + new)]  # each gate draws its own
    after = [*one.measuring("candidate"), *one.judging("candidate's ")]
    after += [one.asked_panels("candidate", parts=1 + recipe.evaluate.test_panels)]
    stages = [*before, *one.writing(), *one.sampling(), *one.training(number if recipe.mix.accumulate else 1), *after]
    return [stage for stage in stages if stage != Workload(stage.stage)]


class _Iteration:
    def __init__(self, recipe: Recipe, given: Given):
        self.recipe, self.given = recipe, given
        reading, most = recipe.reading, recipe.evaluate.max_items
        set_aside = 0 if recipe.held_out else min(ceil(given.seeds * reading.held_out_share), reading.held_out_rows)
        self.held_out = min(most, (given.held_out or most) if recipe.held_out else set_aside)
        self.anchors = min(ceil(given.seeds * reading.anchor_share), reading.anchor_rows)
        self.human = self.pool = max(0, given.seeds - set_aside - self.anchors)
        self.own = Words(given.words.instruction, recipe.write.max_new_tokens / MEAN_TOKENS_PER_WORD)

    @property
    def sides(self) -> dict[Branch, int]:
        """Low and high seeds, of the branches that are on."""
        low = round(self.pool * (1 - _above(self.recipe.split.threshold, otherwise=0.5)))
        sides: dict[Branch, int] = {"sft": low, "preference": self.pool - low}
        return {branch: count * (branch in self.recipe.branches) for branch, count in sides.items()}

    @property
    def texts(self) -> dict[str, int]:
        """What is written, by kind. Towards a target in rounds, until the candidates are spent."""
        write, sides = self.recipe.write, self.sides
        instructions = sides["sft"] * write.instructions_per_low_seed
        found = {"instructions": instructions, "answers": instructions * write.answers_per_instruction}
        found |= {"flawed": sides["preference"] * write.flawed_per_high_seed}
        found |= {"ordinary": sides["preference"] * write.ordinary_per_high_seed}
        rounds = (self.recipe.target.candidates or sum(found.values())) / max(1, sum(found.values()))
        return {what: round(rounds * count) for what, count in found.items()}

    @property
    def kept(self) -> int:
        """Answers that SFT keeps."""
        found = round(self.texts["answers"] * _above(self.recipe.annotate.sft_keep))
        return min(found, self.recipe.target.sft_rows or found)

    @property
    def pairs(self) -> int:
        annotate, wanted = self.recipe.annotate, self.recipe.target.pairs
        found = round((self.texts["flawed"] + self.texts["ordinary"]) * _above(annotate.margin))
        found = min(found, self.sides["preference"] * annotate.pairs_per_prompt)
        return min(found, wanted or found)

    @property
    def questions(self) -> dict[Way, int]:
        """That rules can check, by the way in which they are made."""
        config, sides = self.recipe.verify, self.sides
        low, high = (sides["sft"], sides["preference"]) if self.recipe.branches else (self.pool, self.pool)
        instructions = low + self.texts["instructions"]
        found: dict[Way, int] = {
            "given": self.pool,  # at most: those that know what is right
            "constraints": instructions * config.constraints.questions_per_instruction,
            "computed": sum(config.computed.questions.values()),
            "hindsight": 2 * high * config.hindsight.opposites_per_seed,
        }
        return {way: count * (way in config.ways) for way, count in found.items()}

    @property
    def verified_rows(self) -> int:
        """SFT rows that rules let pass, at most; hindsight gives none."""
        found, config = self.questions, self.recipe.verify
        return min(config.sft_rows, config.rows_per_question * (sum(found.values()) - found["hindsight"]))

    @property
    def verified_pairs(self) -> int:
        """Pairs, at most; one of each of hindsight's questions."""
        found, config = self.questions, self.recipe.verify
        sampled = config.pairs_per_question * (sum(found.values()) - found["hindsight"])
        return min(config.pairs, sampled + found["hindsight"])

    def teaching(self) -> Workload:
        teach, words = self.recipe.teach, self.given.words
        reviews = teach.skill_rows * (AROUND_TOKENS + words.tokens)
        seeds = self.human * teach.with_seeds * words.tokens
        return _trained("teach", teach.sft, reviews + seeds if teach.skill_rows else 0)

    def measuring(self, who: str) -> list[Workload]:
        """Each held-out seed: a response, the likelihood of its own and of three corruptions of that. Benchmarks."""
        count, words, new = self.held_out, self.given.words, self.recipe.evaluate.max_new_tokens
        found = Workload(f"evaluate [{who}]", count, 4 * count, count * new, round(5 * count * words.tokens))
        return [found, summed(f"benchmarks [{who}]", self.given.benchmarks)]

    def asked_panels(self, who: str, parts: int) -> Workload:
        """Short questions: about as many words as a chat template has tokens."""
        counts = self.recipe.evaluate.panels
        asked = parts * sum(counts.values())
        written = parts * sum(count * panels.max_new_tokens(name) for name, count in counts.items())
        return Workload(f"panels [{who}]", asked, 0, written, asked * 2 * TEMPLATE_TOKENS)

    def judging(self, whose: str) -> list[Workload]:
        """A pair good, nine corruptions of it, three texts of the model's own; canaries and twins; some once more."""
        recipe, wanted = self.recipe, self.recipe.anchors
        if not recipe.branches or recipe.review.score == "random":
            return []
        own = (2 * self.anchors + wanted.questions) if self.anchors and wanted.own_texts else 0
        looks = self.anchors * (1 + 9 * wanted.draws) + own + 2 * wanted.canaries + wanted.retested
        return [
            self._written(f"write [{whose}anchors]", own, wanted.max_new_tokens),
            self._reviewed(f"signals [{whose}anchors]", looks if self.anchors else 0, self.given.words),
        ]

    def writing(self) -> list[Workload]:
        seeds, new = self.pool if self.recipe.branches else 0, self.recipe.write.max_new_tokens
        written = sum(count for what, count in self.texts.items() if what != "instructions")
        return [
            self._reviewed("signals [seeds]", seeds, self.given.words),
            *(self._written(f"write [{what}]", count, new) for what, count in self.texts.items()),
            self._reviewed("signals [written]", written, self.own),
        ]

    def sampling(self) -> list[Workload]:
        """Answers to questions that rules can check; those of hindsight are there."""
        config = self.recipe.verify
        ways: tuple[Way, ...] = ("given", "constraints", "computed")
        asked = {way: config.samples * self.questions[way] for way in ways}
        return [self._written(f"write [{way}]", count, config.max_new_tokens) for way, count in asked.items()]

    def training(self, iterations: int) -> list[Workload]:
        """On what so many iterations keep, and on what is mixed in."""
        recipe, words = self.recipe, self.given.words.tokens
        found = []
        config = recipe.verify
        answer = TEMPLATE_TOKENS + MEAN_TOKENS_PER_WORD * self.given.words.instruction + config.max_new_tokens
        if recipe.trains_sft:
            verified = self.verified_rows
            own = iterations * (self.kept * self.own.tokens + verified * answer)
            found.append(_trained("sft", recipe.sft, self._sft_tokens(iterations * (self.kept + verified), own)))
        if recipe.trains_dpo:
            tokens = self.pairs * (words + self.own.tokens)
            tokens += self.verified_pairs * 2 * answer
            found.append(_trained("dpo", recipe.dpo, iterations * tokens))
        return found

    def _sft_tokens(self, kept: int, tokens: float) -> float:
        """Of an epoch: as many of the kept rows (with `tokens` in all) as human ones are enough for, those, reviews."""
        mix, words = self.recipe.mix, self.given.words.tokens
        if mix.human_share == 1:
            return self.human * words
        own_share = 1 - mix.human_share - mix.skill_share
        own = min(kept, self.human * own_share / mix.human_share if mix.human_share else inf)
        beside = mix.human_share * words + mix.skill_share * (AROUND_TOKENS + words)
        return own * tokens / max(kept, 1) + own / own_share * beside

    def _written(self, stage: str, count: int, new_tokens: int) -> Workload:
        """By requests that hold an instruction; what comes before it is the same in all of them."""
        asked = TEMPLATE_TOKENS + MEAN_TOKENS_PER_WORD * self.given.words.instruction
        return Workload(stage, count, 0, count * new_tokens, round(count * asked))

    def _reviewed(self, stage: str, count: int, words: Words) -> Workload:
        """As the signals ask of one pair, of which every word can be contradicted."""
        texts = (" ".join(["is"] * max(1, round(number))) for number in (words.instruction, words.response))
        signals = self.recipe.signals
        calls = Collector(signals, "", 0).calls([Seed(instruction=next(texts), response=next(texts))], {})
        written = count * sum(call.kind == "write" for call in calls)
        prompts = {call.model_copy(update={"row": "", "seed": 0}).key: call for call in calls}  # samples share theirs
        read = round(count * sum(map(_prompt_tokens, prompts.values())))
        return Workload(stage, written, count * len(calls) - written, written * signals.sampled.max_new_tokens, read)


def _prompt_tokens(call: Call) -> float:
    said = [turn["content"] for turn in call.messages if turn["role"] != "system"]
    return TEMPLATE_TOKENS + MEAN_TOKENS_PER_WORD * sum(map(length, [*said, call.response]))


def _trained(stage: str, config: SftConfig, tokens: float) -> Workload:
    """`tokens` an epoch. A pass without a gradient costs a third: the loss before and after, and DPO's reference."""
    passes_beside = (3 if isinstance(config, DpoConfig) else 2) / 3
    trained = config.tokens or tokens * config.epochs
    return Workload(stage, trained_tokens=round(trained + passes_beside * tokens) if tokens else 0)


def _above(threshold: Threshold, otherwise: float = 1.0) -> float:
    """The share above a threshold: known of a quantile."""
    return otherwise if threshold.quantile is None else 1 - threshold.quantile
