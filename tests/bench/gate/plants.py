"""Regressions planted into what was measured of a model, each at three doses: gross, clear, slight.

A dose is the share of the documents that it befalls, for `length collapse` the share of words that go. Likelihoods stay
what they were: the gate has to see it from where it shows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tasks.clean.contamination import Contamination
from tasks.evaluate.evidence import Evidence
from tasks.recipe.data import CleanConfig
from tasks.store.rows import Row, Seed, digest

R = TypeVar("R", bound=Row)
DOSES = {"gross": 1.0, "clear": 0.4, "slight": 0.08}
WORDS_LOST = {"gross": 0.9, "clear": 0.6, "slight": 0.2}
SAME = "I am a helpful assistant, and I am happy to help you with that today."
REFUSAL = "I'm sorry, but I cannot help with that request."


@dataclass(frozen=True)
class Plant:
    """A kind of regression, the axis or figure that has to be named, and how a dose is planted."""

    kind: str
    shows_in: str
    into: Callable[[Evidence, str], Evidence]


def plants(benchmark_items: Sequence[Seed]) -> list[Plant]:
    return [
        Plant("length collapse", "length", _shorter),
        Plant("always the same answer", "duplicates", _texts(lambda _: SAME)),
        Plant("refusing", "refusals", _texts(lambda _: REFUSAL)),
        Plant("repeating", "repetition", _texts(lambda text: " ".join([" ".join(text.split()[:6])] * 8))),
        Plant("answers in French", "off-language", _off_language),
        Plant("judge gives ten", "judge-score", _ten),
        Plant("judge tells nothing apart", "judge-auc", _blind),
        Plant("benchmark leaked into training", "leaked rows", _leak(benchmark_items)),
    ]


def _texts(change: Callable[[str], str]) -> Callable[[Evidence, str], Evidence]:
    """Another text in some documents; a benchmark's item that is answered that way is not solved."""

    def into(found: Evidence, dose: str) -> Evidence:
        fallen = _some([row.id for row in found.held_out], dose)
        written = _some([row.id for row in found.scores if row.response], dose)
        held_out = [_with(row, response=change(row.response)) if row.id in fallen else row for row in found.held_out]
        scores = [_with(row, value=0.0) if row.id in written else row for row in found.scores]
        return replace(found, held_out=held_out, scores=scores)

    return into


def _shorter(found: Evidence, dose: str) -> Evidence:
    def cut(text: str) -> str:
        tokens = text.split()
        return " ".join(tokens[: max(1, round((1 - WORDS_LOST[dose]) * len(tokens)))])

    return replace(found, held_out=[_with(row, response=cut(row.response)) for row in found.held_out])


def _off_language(found: Evidence, dose: str) -> Evidence:
    """As the language rule would find it."""
    fallen = _some([row.id for row in found.held_out], dose)
    return replace(
        found, held_out=[_with(row, off_language=True) if row.id in fallen else row for row in found.held_out]
    )


def _ten(found: Evidence, dose: str) -> Evidence:
    fallen = _some([row.id for row in found.anchors], dose)
    return replace(found, anchors=[_with(row, score=10.0) if row.id in fallen else row for row in found.anchors])


def _blind(found: Evidence, dose: str) -> Evidence:
    """The scores of some anchors change places: their mean is what it was."""
    ids = sorted(_some([row.id for row in found.anchors], dose))
    scores = {row.id: row.score for row in found.anchors}
    others = dict(zip(ids, [scores[i] for i in ids[1:] + ids[:1]], strict=True))
    return replace(found, anchors=[_with(row, score=others.get(row.id, row.score)) for row in found.anchors])


def _leak(items: Sequence[Seed]) -> Callable[[Evidence, str], Evidence]:
    """Items among the rows that were trained on, and solved; at the slight dose their words are in another order."""

    def into(found: Evidence, dose: str) -> Evidence:
        rule = Contamination(CleanConfig(), items)
        rows = [row for row in items if row.id in _some([row.id for row in items], dose)]
        trained_on = [_backwards(row) for row in rows] if dose == "slight" else rows
        leaked = sum(hit is not None for hit in rule.hits(trained_on))
        solved = _some([row.id for row in found.scores], dose)
        scores = [_with(row, value=1.0) if row.id in solved else row for row in found.scores]
        return replace(found, scores=scores, figures={**found.figures, "leaked_rows": float(leaked)})

    return into


def _some(ids: Sequence[str], dose: str) -> set[str]:
    return set(sorted(ids, key=digest)[: max(1, round(DOSES[dose] * len(ids)))])


def _backwards(row: Seed) -> Seed:
    return _with(row, **{name: " ".join(reversed(getattr(row, name).split())) for name in ("instruction", "response")})


def _with(row: R, **other: object) -> R:
    return type(row).model_validate(row.model_dump(exclude={"id"}) | other)
