"""Pairs: which responses to a high seed's instruction become preferences, and which side each is on.

Rejected are flawed responses and, beside them, ordinary ones that scored low: what was written to be wrong is trivially
separable, and says little about the model's own mistakes. Chosen is the seed's own response, unless an ordinary one
beats it by `annotate.beats_by`. In the published scripts every response above the margin is chosen, a flawed one too;
here a flawed text can only ever be rejected (tasks.store.examples enforces it).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from tasks.recipe.data import AnnotateConfig
from tasks.store.examples import PreferencePair
from tasks.store.reviews import Scored
from tasks.store.rows import Rejected, Seed, Written
from tasks.store.tables import Gathering, Rows, column
from tasks.text.words import words

VERSION = 2  # 2: what was written as flawed is not chosen, whoever wrote it again


@dataclass(frozen=True)
class _Candidate:
    seed: Seed
    chosen: Seed | Written
    rejected: Written
    margin: float


def pairs(
    high: Sequence[Seed], written: Sequence[Written], scored: Scored, config: AnnotateConfig
) -> tuple[Rows[PreferencePair], Rows[Rejected], float]:
    """The pairs, every response that came into none with its reason, and the margin that the threshold came to."""
    kept, rejects = Gathering(PreferencePair), Gathering(Rejected)
    margins = [one.margin for family in _families(high, written, scored, config) for one in family]
    # Never below zero, whatever a quantile says: the original would lose its own pair.
    threshold = max(config.margin.value(margins), 0.0) if margins else float("nan")
    detail = f"annotate.pairs_per_prompt is {config.pairs_per_prompt}"
    for family in _families(high, written, scored, config):  # made once more, for not all of them fit at once
        fit = []
        for one in family:
            if reason := _unfit(one, threshold, config):
                rejects.add(Rejected.of(one.rejected, *reason))
            else:
                fit.append(one)
        taken = _in_turn(fit)[: config.pairs_per_prompt]
        for one in taken:
            kept.add(_pair(one, scored))
        for one in fit:
            if one not in taken:
                rejects.add(Rejected.of(one.rejected, "enough pairs", detail))
    return kept.rows(), rejects.rows(), threshold


def _families(
    high: Sequence[Seed], written: Sequence[Written], scored: Scored, config: AnnotateConfig
) -> Iterator[list[_Candidate]]:
    """Of each high seed with responses that have a score."""
    places: dict[str, list[int]] = {}
    columns = (column(written, name) for name in ("id", "branch", "seed"))
    for i, (row, branch, seed) in enumerate(zip(*columns, strict=True)):
        if branch == "high" and row in scored.scores:
            places.setdefault(seed, []).append(i)
    for one in high:
        if one.id in places:
            yield _candidates(one, [written[i] for i in places[one.id]], scored, config)


def _candidates(seed: Seed, family: Sequence[Written], scored: Scored, config: AnnotateConfig) -> list[_Candidate]:
    """Every response of the family against the chosen one, the lowest first."""
    # A model asked for a flaw may write what it would write anyway: flawed is then the text, whoever wrote it again.
    flawed = {tuple(words(row.response)) for row in family if row.flaw is not None}
    ordinary = [row for row in family if row.flaw is None and tuple(words(row.response)) not in flawed]
    best = max(ordinary, key=scored.score, default=None)
    chosen: Seed | Written = seed
    if best is not None and scored.score(best) > scored.score(seed) + config.beats_by:
        chosen = best
    others = sorted((row for row in family if row is not chosen), key=scored.score)
    return [_Candidate(seed, chosen, row, scored.score(chosen) - scored.score(row)) for row in others]


def _unfit(one: _Candidate, threshold: float, config: AnnotateConfig) -> tuple[str, str] | None:
    if one.margin <= threshold:
        return "margin", f"{one.margin:.2f} below the chosen one, expected above {threshold:.2f}"
    if config.max_margin is not None and one.margin > config.max_margin:
        return "margin band", f"{one.margin:.2f} below the chosen one, expected at most {config.max_margin:.2f}"
    a, b = words(one.chosen.response), words(one.rejected.response)
    if a == b:
        return "equal texts", "the same words as the chosen one"
    ratio = len(b) / max(len(a), 1)
    if config.length_ratio and not config.length_ratio[0] <= ratio <= config.length_ratio[1]:
        low, high = config.length_ratio
        return "length ratio", f"{ratio:.2f} times the words of the chosen one, expected {low:g} to {high:g}"
    return None


def _in_turn(fit: Sequence[_Candidate]) -> list[_Candidate]:
    """Flawed and ordinary ones by turns, as far as there are both, the lowest of each kind first."""
    kinds = [[one for one in fit if (one.rejected.flaw is None) == ordinary] for ordinary in (True, False)]
    if fit and int(fit[0].seed.id[-1], 16) % 2:  # half of the seeds begin with a flawed one
        kinds.reverse()
    return [one for one in chain(*zip_longest(*kinds)) if one is not None]


def _pair(one: _Candidate, scored: Scored) -> PreferencePair:
    return PreferencePair.of(one.chosen, scored.review(one.chosen), one.rejected, scored.review(one.rejected))
