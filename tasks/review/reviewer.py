"""Review: a score from 0 to 10 for a pair, made from stored signals. No model is asked here.

`calibrated`: the probability that each principle holds, added up by the constitution's weights. `read`: the expected
digit, or the principles' digits by weight. `sampled`: the mean of the rationales' scores, as published. Signals without
a number are the outcome `unparsed`, never a number. `random` is a control: what a loop does without a reviewer.
"""

from collections.abc import Mapping, Sequence

from tasks.recipe.review import ReviewConfig
from tasks.review.calibration import Calibration
from tasks.review.constitution import Constitution
from tasks.store.reviews import TOO_LONG, Review, Reviewable, Signals
from tasks.store.rows import Rejected, digest
from tasks.store.tables import column, where

VERSION = 2  # 2: from stored signals


class Reviewer:
    """Turns signals into reviews; `calibration` is needed for calibrated scores alone."""

    def __init__(self, config: ReviewConfig, constitution: Constitution, calibration: Calibration | None):
        self.config = config
        self.constitution = constitution.weighted(config.weights)
        self.calibration = calibration

    def review(self, signals: Signals) -> Review:
        found = signals.found()
        holds: dict[str, float] = {}
        score: float | None = _random(signals.item)
        reason = ""
        if TOO_LONG in found:
            score, reason = None, "what is asked about it is longer than engine.context_tokens has room for"
        elif self.config.score == "calibrated":
            holds, score, reason = self._calibrated(found)
        elif self.config.score != "random":
            holds, score, reason = self._asked(found)
        return Review(
            item=signals.item,
            outcome="unparsed" if score is None else "scored",
            score=score,
            reason=reason,
            principles=tuple(holds),
            holds=tuple(holds.values()),
            reviewer=signals.reviewer,
            parents=(signals.item, signals.id),
        )

    def _calibrated(self, found: Mapping[str, float]) -> tuple[dict[str, float], float | None, str]:
        assert self.calibration
        if missing := [name for name in self.calibration.features if name not in found]:
            return {}, None, f"no {missing[0]}"
        holds = self.calibration.holds(found)
        return holds, self.constitution.score(holds), ""

    def _asked(self, found: Mapping[str, float]) -> tuple[dict[str, float], float | None, str]:
        if self.config.score == "sampled":
            none = f"no score in {found['sampled_asked']:.0f} answers"
            return {}, found.get("sampled"), "" if "sampled" in found else none
        masses = {name: found[f"{name}_mass"] for name in self._reads(found)}
        worst = min(masses, key=masses.__getitem__)
        if masses[worst] < self.config.min_label_mass or worst not in found:
            return {}, None, f"label mass {masses[worst]:.3f}, expected at least {self.config.min_label_mass:g}"
        holds = {name.removeprefix("read_"): found[name] / 10 for name in masses if name != "read"}
        return holds, self.constitution.score(holds) if holds else found["read"], ""

    def _reads(self, found: Mapping[str, float]) -> list[str]:
        return [name.removesuffix("_mass") for name in found if name.startswith("read") and name.endswith("_mass")]


def _random(item: str) -> float:
    """A score that says nothing: uniform over 0-10, the same one for the same row."""
    return 10 * int(digest(item)[:12], 16) / 16**12


def quarantine(items: Sequence[Reviewable], reviews: Sequence[Review], config: ReviewConfig) -> list[Rejected]:
    """The unparsed reviews with their texts; raises ValueError if they are too many to continue."""
    without = where(reviews, [outcome == "unparsed" for outcome in column(reviews, "outcome")])
    wanted = set(column(without, "item"))
    texts = {item.id: f"{item.instruction}\n\n{item.response}" for item in items if item.id in wanted} if wanted else {}
    unparsed = [
        Rejected(row=one.item, rule="unparsed", detail=one.reason, text=texts[one.item], parents=(one.item,))
        for one in without
    ]
    if reviews and len(unparsed) > config.max_unparsed_share * len(reviews):
        raise ValueError(
            f"review: {len(unparsed)} of {len(reviews)} pairs have no score, expected at most "
            f"{config.max_unparsed_share:.0%} (review.max_unparsed_share); the first: {unparsed[0].detail}. Asked, "
            "this model does not answer with a score: use an instruct model, or the signal `likelihood` instead"
        )
    return unparsed
