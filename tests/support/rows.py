"""Rows for tests, made as the stages make them."""

from typing import Any

from tasks.engines.calls import Answer, Call
from tasks.store.reviews import Review
from tasks.store.rows import Measured, Seed, Written
from tasks.store.verified import Asked, Checked, Question

MODEL = "m" * 64


def seed(
    instruction: str = "Name three rivers of Europe.", response: str = "The Danube, the Rhine and the Elbe."
) -> Seed:
    return Seed(instruction=instruction, response=response)


def written(
    of: Seed,
    response: str = "",
    *,
    branch: str = "low",
    instruction: str | None = None,
    flaw: str | None = None,
    finish: str = "stop",
    draw: int = 0,
    new_tokens: int = 7,
) -> Written:
    return Written(
        branch=branch,  # type: ignore[arg-type]
        seed=of.id,
        instruction=of.instruction if instruction is None else instruction,
        response=response,
        flaw=flaw,
        iteration=1,
        draw=draw,
        author=MODEL,
        prompt="p",
        finish=finish,
        new_tokens=new_tokens,
        parents=(of.id,),
    )


def review(of: Seed | Written, score: float | None) -> Review:
    return Review(
        item=of.id,
        outcome="unparsed" if score is None else "scored",
        score=score,
        reason="no score" if score is None else "",
        reviewer=MODEL,
        parents=(of.id,),
    )


def answer(call: Call, text: str = "", *, log_probs: tuple[float, ...] = (), finish: str = "stop") -> Answer:
    return Answer(call=call.key, text=text, finish=finish, log_probs=log_probs, prompt_tokens=11, new_tokens=5)


def measured(
    item: str, log_likelihood: float = -2.0, *, corrupted: tuple[float, ...] = (-3.0, -1.0), response: str = "Yes."
) -> Measured:
    return Measured(
        item=item,
        model=MODEL,
        log_likelihood=log_likelihood,
        corrupted_log_likelihoods=corrupted,
        corruptions=("mismatched", "truncated", "shuffled")[: len(corrupted)],
        response=response,
        finish="stop",
    )


def question(instruction: str, about: str = "", **checks: dict[str, Any]) -> Question:
    """`checks`: arguments by name."""
    return Question(
        way="computed",
        seed="",
        instruction=instruction,
        checks=tuple(Asked.of(name, arguments) for name, arguments in checks.items()),
        iteration=1,
        draw=0,
        about=about or next(iter(checks)),
    )


def answered(of: Question, response: str, draw: int = 0) -> Written:
    return Written(
        branch="low",
        seed=of.seed,
        instruction=of.instruction,
        response=response,
        iteration=1,
        draw=draw,
        author=MODEL,
        prompt="p",
        finish="stop",
        new_tokens=7,
        parents=(of.id,),
    )


def checked(of: Question, row: Written, outcome: str) -> Checked:
    """Of the question's first check."""
    asked = of.checks[0]
    return Checked(
        item=row.id,
        check=asked.check,
        arguments=asked.arguments,
        version=1,
        outcome=outcome,  # type: ignore[arg-type]
        reason="as the test says",
        parents=(row.id, of.id),
    )
