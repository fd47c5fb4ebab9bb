"""Review: a score from 0 to 10 for a pair, read from the probabilities of the score tokens.

The reviewer is asked for one digit; the score is the expected digit, times 10/9. One token per review, where a sampled
rationale with a number behind it takes a hundred and says less (arXiv 2503.03064). The labels' mass is kept: a model
that would rather say something else has not scored, and that is the outcome `unparsed`, never a number.
"""

import math
from collections.abc import Sequence

from tasks import prompts
from tasks.calls import LABELS, Answer, Call, chat
from tasks.config import ReviewConfig
from tasks.records import Rejected, Review, Seed, Written

VERSION = 1
PROMPTS = ("constitution", "review")
PREFIX = "Score: "  # without it SmolLM2 begins a sentence: label mass 0.13 against 0.96


def calls(items: Sequence[Seed | Written]) -> list[Call]:
    # The constitution first and the item last: vLLM's prefix cache holds what all requests share.
    system = prompts.render("constitution")
    return [
        Call(
            kind="score",
            row=item.id,
            prefix=PREFIX,
            messages=chat(
                prompts.render("review", instruction=item.instruction, response=item.response), system=system
            ),
        )
        for item in items
    ]


def read(item: Seed | Written, answer: Answer, reviewer: str, config: ReviewConfig) -> Review:
    probabilities = tuple(math.exp(log_prob) for log_prob in answer.log_probs)
    mass = sum(probabilities)
    scored = mass > 0 and mass >= config.min_label_mass
    expected = sum(int(label) * p for label, p in zip(LABELS, probabilities, strict=True)) / mass if scored else None
    return Review(
        item=item.id,
        outcome="scored" if scored else "unparsed",
        score=None if expected is None else expected * 10 / 9,
        label_mass=mass,
        probabilities=probabilities,
        reviewer=reviewer,
        parents=(item.id,),
    )


def quarantine(items: Sequence[Seed | Written], reviews: Sequence[Review], config: ReviewConfig) -> list[Rejected]:
    """The unparsed reviews with their texts; raises ValueError if they are too many to go on."""
    texts = {item.id: f"{item.instruction}\n\n{item.response}" for item in items}
    unparsed = [
        Rejected(
            row=review.item,
            rule="unparsed",
            detail=f"label mass {review.label_mass:.3f}, expected at least {config.min_label_mass:g}",
            text=texts[review.item],
            parents=(review.item,),
        )
        for review in reviews
        if review.outcome == "unparsed"
    ]
    if reviews and len(unparsed) > config.max_unparsed_share * len(reviews):
        raise ValueError(
            f"review: {len(unparsed)} of {len(reviews)} answers were no score, expected at most "
            f"{config.max_unparsed_share:.0%} (review.max_unparsed_share). This model does not answer with a digit: "
            "use an instruct model, or lower review.min_label_mass knowing what that means"
        )
    return unparsed
