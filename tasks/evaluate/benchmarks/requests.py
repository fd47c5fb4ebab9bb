"""Benchmarks: what a harness wants asked, as calls, and each item's score, as rows. The harness itself is a backend."""

import json
import re
from collections.abc import Sequence

from tasks.engines.calls import Answer, Call
from tasks.recipe.evaluation import Benchmark
from tasks.store.home import ROOT
from tasks.store.rows import OVER_CONTEXT, Row, sampling_seed

VERSION = 1
SHIPPED = ROOT / "deployments" / "benchmarks"
LETTER = re.compile(r" ?[A-Za-z]")
DEFAULT_NEW_TOKENS = 256  # the harness's, where a task names none


class Request(Row):
    """One request of a harness: a text to write, or a choice whose likelihood counts."""

    kind = "request"

    benchmark: str
    item: str  # TASK/NUMBER, unique within the benchmark
    index: int  # which of the item's requests
    chat: str  # JSON: the messages, a system message first
    prefix: str = ""  # how the assistant's answer begins
    choice: str | None = None  # the text whose likelihood counts; None for one to write
    max_new_tokens: int = 1
    temperature: float = 0.0

    @property
    def row(self) -> str:
        return place(self.benchmark, self.item, self.index)


class ItemScore(Row):
    """What one model reached on one item, in the benchmark's metric; `response` is what it wrote, if it had to."""

    kind = "item_score"

    benchmark: str
    item: str
    model: str
    value: float
    response: str = ""


def place(benchmark: str, item: str, index: int) -> str:
    """What a request is called, wherever it is built."""
    return f"{benchmark}/{item}/{index}"


def calls(requests: Sequence[Request]) -> list[Call]:
    """As the harness wants them: greedy, unless its task samples. A prefix is part of every choice alike.

    One-letter choices behind the same chat are asked for in one: the same figures, of one prompt that is read once.
    """
    return [_call(first) if not more else _of_letters([first, *more]) for first, *more in _together(requests)]


def _together(requests: Sequence[Request]) -> list[list[Request]]:
    found: list[list[Request]] = []
    for request in requests:
        alike = found and _letters_of(found[-1][0]) == _letters_of(request) is not None
        if alike and request.choice not in {one.choice for one in found[-1]}:
            found[-1].append(request)
        else:
            found.append([request])
    return found


def _letters_of(request: Request) -> tuple[str, str, str, str] | None:
    """What a one-letter choice is one of; None for other requests."""
    if request.choice is None or not LETTER.fullmatch(request.choice):
        return None
    return request.benchmark, request.item, request.chat, request.prefix


def _of_letters(together: Sequence[Request]) -> Call:
    first = together[0]
    return Call(
        kind="score",
        row=first.row,
        messages=tuple(json.loads(first.chat)),
        prefix=first.prefix,
        labels=tuple(str(one.choice) for one in together),
    )


def _call(request: Request) -> Call:
    return Call(
        kind="write" if request.choice is None else "likelihood",
        row=request.row,
        messages=tuple(json.loads(request.chat)),
        prefix=request.prefix,
        response=request.prefix + (request.choice or ""),
        max_new_tokens=request.max_new_tokens,
        temperature=request.temperature,
        seed=sampling_seed(request.row) if request.temperature else 0,
    )


class Reply(Row):
    """The answer to a request as a harness takes it: a text, or the log-likelihood (nats) of a choice."""

    kind = "reply"

    benchmark: str
    request: str  # Request.row
    text: str | None = None
    log_likelihood: float | None = None


def replies(requests: Sequence[Request], answers: Sequence[Answer]) -> list[Reply]:
    """A choice's log-likelihood is without the end of the turn, as harnesses count it.

    Raises ValueError for a request that the model has no room for: without it the score would be another one.
    """
    for together, answer in zip(_together(requests), answers, strict=True):
        if answer.finish == OVER_CONTEXT:
            raise ValueError(
                f"{together[0].row}: this request of the benchmark is longer than the model's context: raise "
                "engine.context_tokens, or give the benchmark fewer examples (`shots`)"
            )
    return [
        Reply(
            benchmark=request.benchmark,
            request=request.row,
            text=answer.text if request.choice is None else None,
            log_likelihood=likelihood,
            parents=(request.id,),
        )
        for together, answer in zip(_together(requests), answers, strict=True)
        for request, likelihood in zip(together, _log_likelihoods(together, answer), strict=True)
    ]


def _log_likelihoods(together: Sequence[Request], answer: Answer) -> Sequence[float | None]:
    if together[0].choice is None:
        return [None]
    return answer.log_probs if len(together) > 1 else [sum(answer.log_probs[:-1])]


def named(benchmarks: Sequence[Benchmark]) -> dict[str, Benchmark]:
    """By name; raises ValueError where two have the same."""
    found = {one.axis: one for one in benchmarks}
    axes = [axis for one in benchmarks for axis in one.metrics]
    if len(set(axes)) < len(axes):
        raise ValueError("evaluate.benchmarks: two have the same name; give one of them another `name`")
    return found
