"""Contrast: the response against versions of itself with one number changed or one verb negated.

A model that knows better finds what is right likelier than its contradiction; where a version beats the response, the
response may be the contradiction. Within one seed a small model tells the two apart far better than across seeds, where
what texts are about drowns it; this takes the comparison to where it works.
"""

from collections.abc import Mapping
from statistics import fmean

from tasks.engines.calls import Answer, Call
from tasks.review.signals import likelihood
from tasks.store.reviews import Reviewable
from tasks.store.rows import digest
from tasks.text.corruption import RESPONSE, corrupted

# Nats: the median lead of 136 good responses over the likelier of two contradictions was 7.9; contradicted, 2.3.
NOTHING_TO_CONTRADICT = 8.0


def calls(item: Reviewable, versions: int) -> list[Call]:
    """The response itself, then up to `versions` different contradictions of it."""
    kind = {"contradicted": RESPONSE["contradicted"]}
    name = digest(item.response)  # the same text is held against the same contradictions, whatever row it is in
    drawn = [corrupted(item.response, [], f"contrast/{name}/{draw}", kind) for draw in range(3 * versions)]
    texts = list(dict.fromkeys(one["contradicted"] for one in drawn if one))[:versions]
    return [likelihood.given(item, text) for text in (item.response, *texts)]


def values(calls: list[Call], answers: Mapping[str, Answer]) -> dict[str, float]:
    """By how many nats the response is likelier than its contradictions: than the best of them, and on average."""
    own, *others = (sum(answers[call.key].log_probs) for call in calls)
    lead = [own - other for other in others] or [NOTHING_TO_CONTRADICT]
    return {"contrast_least": min(lead), "contrast_mean": fmean(lead)}
