"""Sampled: rationales with a score behind each, and the mean of the scores that parse, as published.

An answer without a score is asked again with another seed; what never parses is no number.
"""

import re
from collections.abc import Mapping
from statistics import fmean, pstdev

from tasks.engines.calls import Answer, Call, Messages, chat
from tasks.recipe.review import SampledConfig
from tasks.review.constitution import Constitution
from tasks.review.signals import framing as asking
from tasks.store.reviews import Reviewable
from tasks.store.rows import sampling_seed
from tasks.text.prompts import templates as prompts

PROMPTS = ("constitution", "review", "sampled")
SCORE = re.compile(r"score\W{0,4}(\d+(?:\.\d+)?)(?![\d.]*\d)", re.IGNORECASE)


def parse(text: str) -> float | None:
    """The last score in the text; None if there is none from 0 to 10."""
    found = [float(number) for number in SCORE.findall(text)]
    return found[-1] if found and found[-1] <= 10 else None


class Samples:
    """The rationales about one item. Each call is made once, however often the answers are looked at."""

    def __init__(self, item: Reviewable, config: SampledConfig, constitution: Constitution, seed: int):
        self._item, self._config, self._constitution, self._seed = item, config, constitution, seed
        self._drawn: list[Call] = []

    def calls(self, answers: Mapping[str, Answer]) -> list[Call]:
        """All samples to ask for, as far as `answers` tell: one more for each that did not parse, up to `retries`."""
        config = self._config
        most = config.samples + config.retries
        count = min(2, config.samples) if config.stop_when_two_agree else config.samples
        while True:
            asked = self._draw(count)
            if any(call.key not in answers for call in asked):
                return asked
            scores = [score for call in asked if (score := parse(answers[call.key].text)) is not None]
            agree = config.stop_when_two_agree and len(scores) >= 2 and len(set(scores)) == 1
            more = 0 if agree else config.samples - len(scores)
            if more <= 0 or count == most:
                return asked
            count = min(count + more, most)

    def _draw(self, count: int) -> list[Call]:
        if len(self._drawn) < count:
            messages = chat(asking.about(self._item, prompts.render("sampled")), system=self._constitution.prompt())
            self._drawn += [self._call(messages, draw) for draw in range(len(self._drawn), count)]
        return self._drawn[:count]

    def _call(self, messages: Messages, draw: int) -> Call:
        return Call(
            kind="write",
            row=f"{self._item.id}/sampled/{draw}",
            messages=messages,
            max_new_tokens=self._config.max_new_tokens,
            temperature=self._config.temperature,
            top_p=self._config.top_p,
            seed=sampling_seed(self._seed, "review", self._item.id, draw),
        )


def values(calls: list[Call], answers: Mapping[str, Answer]) -> dict[str, float]:
    """Mean and spread of the scores that parsed, 0-10, and how many did of how many."""
    scores = [score for call in calls if (score := parse(answers[call.key].text)) is not None]
    counts = {"sampled_parsed": float(len(scores)), "sampled_asked": float(len(calls))}
    return counts | ({"sampled": fmean(scores), "sampled_spread": pstdev(scores)} if scores else {})


def texts(calls: list[Call], answers: Mapping[str, Answer]) -> list[str]:
    return [answers[call.key].text for call in calls]
