"""Benchmarks: what a harness wants asked, as calls, and each item's score, as rows. The harness itself is a backend."""

import json
from collections.abc import Sequence

from tasks.engines.calls import Answer, Call
from tasks.recipe.evaluation import Benchmark
from tasks.store.home import ROOT
from tasks.store.rows import Row, sampling_seed

VERSION = 1
SHIPPED = ROOT / "deployments" / "benchmarks"
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
    """As the harness wants them: greedy, unless its task samples. A prefix is part of every choice alike."""
    return [
        Call(
            kind="write" if request.choice is None else "likelihood",
            row=request.row,
            messages=tuple(json.loads(request.chat)),
            prefix=request.prefix,
            response=request.prefix + (request.choice or ""),
            max_new_tokens=request.max_new_tokens,
            temperature=request.temperature,
            seed=sampling_seed(request.row) if request.temperature else 0,
        )
        for request in requests
    ]


class Reply(Row):
    """The answer to a request as a harness takes it: a text, or the log-likelihood (nats) of a choice."""

    kind = "reply"

    benchmark: str
    request: str  # Request.row
    text: str | None = None
    log_likelihood: float | None = None


def replies(requests: Sequence[Request], answers: Sequence[Answer]) -> list[Reply]:
    """A choice's log-likelihood is without the end of the turn, as harnesses count it."""
    return [
        Reply(
            benchmark=request.benchmark,
            request=request.row,
            text=answer.text if request.choice is None else None,
            log_likelihood=None if request.choice is None else sum(answer.log_probs[:-1]),
            parents=(request.id,),
        )
        for request, answer in zip(requests, answers, strict=True)
    ]


def named(benchmarks: Sequence[Benchmark]) -> dict[str, Benchmark]:
    """By name; raises ValueError where two have the same."""
    found = {one.axis: one for one in benchmarks}
    if len(found) < len(benchmarks):
        raise ValueError("evaluate.benchmarks: two have the same name; give one of them another `name`")
    return found
