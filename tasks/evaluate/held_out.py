"""Evaluate: what one model does on the held-out seeds, item by item, so that two models can be compared in pairs.

Per item: mean log-likelihood (nats per token) of the good response and of corruptions of it, and a greedy response.
"""

from collections.abc import Mapping, Sequence

from tasks.engines.calls import Answer, Call, chat
from tasks.recipe.evaluation import EvaluateConfig
from tasks.store.rows import OVER_CONTEXT, Measured, Seed
from tasks.text.corruption import RESPONSE as CORRUPTIONS
from tasks.text.corruption import corrupted
from tasks.text.language import language

VERSION = 5  # 5: whether a response is in the item's language
KINDS = {kind: CORRUPTIONS[kind] for kind in ("mismatched", "truncated", "shuffled")}
GOOD, RESPONSE = "good", "response"


def items(held_out: Sequence[Seed], config: EvaluateConfig) -> list[Seed]:
    return sorted(held_out, key=lambda seed: seed.id)[: config.max_items]


def calls(held_out: Sequence[Seed], config: EvaluateConfig) -> list[Call]:
    """For each item: the likelihood of its response, of each corruption, and one greedy response."""
    responses = [seed.response for seed in held_out]
    found = []
    for seed in held_out:
        asked = chat(seed.instruction, history=seed.history)
        texts = {GOOD: seed.response, **corrupted(seed.response, responses, seed.id, KINDS)}
        for kind, text in texts.items():
            found.append(Call(kind="likelihood", row=f"{seed.id}/{kind}", messages=asked, response=text))
        found.append(
            Call(
                kind="write",
                row=f"{seed.id}/{RESPONSE}",
                messages=asked,
                max_new_tokens=config.max_new_tokens,
            )
        )
    return found


def item_of(call: Call) -> str:
    return call.row.partition("/")[0]


def measured(calls: Sequence[Call], answers: Sequence[Answer], model: str) -> list[Measured]:
    """Of each item that the model has room for, with such corruptions: for both models the same ones."""
    by_item: dict[str, dict[str, Answer]] = {}
    good: dict[str, str] = {}
    for call, answer in zip(calls, answers, strict=True):
        item, kind = item_of(call), call.row.partition("/")[2]
        if answer.finish != OVER_CONTEXT:
            by_item.setdefault(item, {})[kind] = answer
        if kind == GOOD:
            good[item] = call.response
    return [_one(item, found, good[item], model) for item, found in by_item.items() if {GOOD, RESPONSE} <= found.keys()]


def _one(item: str, found: Mapping[str, Answer], good: str, model: str) -> Measured:
    corruptions = tuple(kind for kind in found if kind not in (GOOD, RESPONSE))
    spoken = language(found[RESPONSE].text), language(good)
    return Measured(
        item=item,
        model=model,
        log_likelihood=_mean(found[GOOD].log_probs),
        corrupted_log_likelihoods=tuple(_mean(found[kind].log_probs) for kind in corruptions),
        corruptions=corruptions,
        response=found[RESPONSE].text,
        finish=found[RESPONSE].finish,
        off_language=all(spoken) and spoken[0] != spoken[1],
        parents=(item,),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
