"""Read: the expected grade under the probabilities of the digits, one token a question.

A rationale in front takes a hundred tokens and says less (arXiv 2503.03064). The labels' mass is kept: a model that
would rather say something else has not graded, and that is no number.
"""

import math
from collections.abc import Mapping

from tasks.engines.calls import LABELS, Answer, Call, chat
from tasks.recipe.review import SignalsConfig
from tasks.review.constitution import Constitution
from tasks.review.signals import framing as asking
from tasks.store.reviews import Reviewable
from tasks.text.prompts import templates as prompts

PROMPTS = ("constitution", "review", "read", "read_principle")
PREFIX = "Score: "  # without it SmolLM2 begins a sentence: label mass 0.13 against 0.96


def calls(item: Reviewable, config: SignalsConfig, constitution: Constitution) -> list[Call]:
    """One question about everything, or one for each principle."""
    # The constitution first and the item last: vLLM's prefix cache holds what all requests share.
    system = constitution.prompt()
    questions = {"read": prompts.render("read")}
    if config.read == "principles":
        questions = {f"read_{p.id}": prompts.render("read_principle", text=p.text) for p in constitution.principles}
    return [
        Call(
            kind="score",
            row=f"{item.id}/{name}",
            prefix=PREFIX,
            messages=chat(asking.about(item, question), system=system),
        )
        for name, question in questions.items()
    ]


def values(calls: list[Call], answers: Mapping[str, Answer]) -> dict[str, float]:
    """For each question the expected grade, 0-10, and the labels' mass, 0-1. Without mass there is no grade."""
    found = {}
    for call in calls:
        name = call.row.partition("/")[2]
        probabilities = [math.exp(log_prob) for log_prob in answers[call.key].log_probs]
        mass = sum(probabilities)
        found[f"{name}_mass"] = mass
        if mass > 0:
            expected = sum(int(label) * p for label, p in zip(LABELS, probabilities, strict=True)) / mass
            found[name] = expected * 10 / 9
    return found
