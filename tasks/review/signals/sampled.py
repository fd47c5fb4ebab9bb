"""Sampled: rationales with a score behind each, and the mean of the scores that parse, as published.

An answer without a score is asked again with another seed; what never parses is no number.
"""

import re
from collections.abc import Mapping
from statistics import fmean, pstdev

from tasks.engines.calls import Answer, Call, chat
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


def calls(
    item: Reviewable, answers: Mapping[str, Answer], config: SampledConfig, constitution: Constitution, seed: int
) -> list[Call]:
    """All samples to ask for, as far as `answers` tell: one more for each that did not parse, up to `retries`."""
    messages = chat(asking.about(item, prompts.render("sampled")), system=constitution.prompt())
    most = config.samples + config.retries
    drawn = [
        Call(
            kind="write",
            row=f"{item.id}/sampled/{draw}",
            messages=messages,
            max_new_tokens=config.max_new_tokens,
            temperature=config.temperature,
            top_p=config.top_p,
            seed=sampling_seed(seed, "review", item.id, draw),
        )
        for draw in range(most)
    ]
    count = min(2, config.samples) if config.stop_when_two_agree else config.samples
    while True:
        asked = drawn[:count]
        if any(call.key not in answers for call in asked):
            return asked
        scores = [score for call in asked if (score := parse(answers[call.key].text)) is not None]
        agree = config.stop_when_two_agree and len(scores) >= 2 and len(set(scores)) == 1
        more = 0 if agree else config.samples - len(scores)
        if more <= 0 or count == most:
            return asked
        count = min(count + more, most)


def values(calls: list[Call], answers: Mapping[str, Answer]) -> dict[str, float]:
    """Mean and spread of the scores that parsed, 0-10, and how many did of how many."""
    scores = [score for call in calls if (score := parse(answers[call.key].text)) is not None]
    counts = {"sampled_parsed": float(len(scores)), "sampled_asked": float(len(calls))}
    return counts | ({"sampled": fmean(scores), "sampled_spread": pstdev(scores)} if scores else {})


def texts(calls: list[Call], answers: Mapping[str, Answer]) -> list[str]:
    return [answers[call.key].text for call in calls]
