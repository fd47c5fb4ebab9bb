"""Panels: what is asked of a model, and a score of 1 for each answer that passes its checks."""

from collections.abc import Mapping, Sequence

from tasks.engines.calls import Answer, Call, chat
from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.store.verified import Question
from tasks.verify.checks.base import verify

VERSION = 1
MAX_NEW_TOKENS = {"instructions": 192, "instructions_unseen": 192}  # a question may ask for 100 words
DEFAULT_NEW_TOKENS = 48


def max_new_tokens(panel: str) -> int:
    return MAX_NEW_TOKENS.get(panel, DEFAULT_NEW_TOKENS)


def calls(panels: Mapping[str, Sequence[Question]]) -> list[Call]:
    """Greedy, as users are answered with the least chance."""
    return [
        Call(
            kind="write",
            row=f"{name}/{question.id}",
            messages=chat(question.instruction),
            max_new_tokens=max_new_tokens(name),
        )
        for name, questions in panels.items()
        for question in questions
    ]


def scores(panels: Mapping[str, Sequence[Question]], answers: Sequence[Answer], model: str) -> list[ItemScore]:
    """In the order of the calls. What a check cannot tell is not right."""
    asked = [(name, question) for name, questions in panels.items() for question in questions]
    return [
        ItemScore(
            benchmark=name,
            item=question.id,
            model=model,
            value=float(all(verify(one.check, answer.text, one.given).passed for one in question.checks)),
            response=answer.text,
        )
        for (name, question), answer in zip(asked, answers, strict=True)
    ]
