"""Evidence: all that was measured of one model, and what each document says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.evaluate.benchmarks.requests import ItemScore
from tasks.store.reviews import AnchorScore
from tasks.store.rows import Measured


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that was measured of one model. `figures` are single numbers: nothing to draw from, only to bound."""

    held_out: Sequence[Measured]
    scores: Sequence[ItemScore] = ()
    anchors: Sequence[AnchorScore] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


def preference(row: Measured) -> float:
    """Share of the corruptions that the model finds less likely than the good response; 0.5 if there are none."""
    beaten = [row.log_likelihood > corrupted for corrupted in row.corrupted_log_likelihoods]
    return sum(beaten) / len(beaten) if beaten else 0.5


def relevance(row: Measured) -> float:
    """By how many nats a token the response is likelier than the response to another item; 0 if none was asked.

    Falls when a model learns how answers look and unlearns that they answer: trained on its seeds with the answers
    shuffled, its log-likelihood and preference stayed, and this fell by 0.106 ± 0.022 (by 0.028 ± 0.021 with the right
    answers).
    """
    others = dict(zip(row.corruptions, row.corrupted_log_likelihoods, strict=True))
    return row.log_likelihood - others.get("mismatched", row.log_likelihood)
