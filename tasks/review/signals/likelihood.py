"""Likelihood: how probable the model finds the response given the instruction, given nothing, and where it ends.

A small instruct model that is at chance when asked for a grade sees much when its likelihoods are read
(tests/bench/judge measures it). They flatter the model's own text, which is likely by construction
(arXiv 2410.21819); the calibration's anchors are partly model-written for that reason.
"""

import math
from collections.abc import Mapping
from statistics import fmean, pstdev

from tasks.engines.calls import Answer, Call, chat
from tasks.store.reviews import Reviewable
from tasks.store.rows import History, digest
from tasks.text.words import longest_repeat, repeated_share, said_again, words

NEUTRAL = "Write something."
TASK = "Write a task for an assistant."


def _call(context: str, instruction: str, response: str, history: History = ()) -> Call:
    # Named by content: pairs that share a text ask for it once.
    name = f"{context}/{digest([*history, instruction, response])[:12]}"
    return Call(kind="likelihood", row=name, messages=chat(instruction, history=history), response=response)


def given(item: Reviewable, response: str) -> Call:
    """This response to what the item was asked."""
    return _call("given", item.instruction, response, item.history)


def calls(item: Reviewable) -> list[Call]:
    """The response given its instruction; the response given nothing to say; the instruction as a text of its own."""
    return [
        given(item, item.response),
        _call("neutral", NEUTRAL, item.response),
        _call("task", TASK, item.instruction),
    ]


def values(item: Reviewable, answers: Mapping[str, Answer]) -> dict[str, float]:
    """Natural logarithms, per token where it says mean; the last token of each text is the end of its turn.

    What a text says twice is read from the text itself: the model finds a repetition likely, and sees nothing wrong.
    More was tried and said no more: lowest tokens, ranks, gaps to the likeliest token, halves against each other.
    """
    alone, neutral, task = (answers[call.key].log_probs for call in calls(item))
    spoken = words(item.response)
    return {
        **_of_text("response", alone),
        "response_gain": fmean(a - b for a, b in zip(alone[:-1], neutral[:-1], strict=True)),
        "response_repeated": repeated_share(item.response, 3),
        "response_longest_repeat": longest_repeat(spoken) / (len(spoken) + 1),
        "response_said_again": said_again(item.response),
        **_of_text("instruction", task),
        "words": math.log(len(spoken) + 1),
    }


def _of_text(name: str, log_probs: tuple[float, ...]) -> dict[str, float]:
    body = log_probs[:-1]
    return {f"{name}_mean": fmean(body), f"{name}_spread": pstdev(body), f"{name}_end": log_probs[-1]}
