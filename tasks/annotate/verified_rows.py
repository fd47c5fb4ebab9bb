"""Verified rows: which checked answers become SFT rows, and which ones pairs of right over wrong.

A question teaches where the model sometimes meets it: of k answers at least one passes and at least two do not (AutoIF,
arXiv 2406.13542, samples, checks and pairs alike). Pairs are matched in length: a preference for what is right must not
be one for what is short.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, product, zip_longest
from math import log
from typing import TypeVar

from tasks.recipe.verification import VerifyConfig
from tasks.store.examples import PreferencePair, SftRow
from tasks.store.reviews import Scored
from tasks.store.rows import Rejected
from tasks.store.tables import some
from tasks.store.verified import Answering, Difficulty, Question, Verdicts
from tasks.text.words import length

VERSION = 3  # 3: equal answers count, and one of them is trained on
R = TypeVar("R", SftRow, PreferencePair)


def verified_rows(
    questions: Sequence[Question],
    answers: Sequence[Answering],
    verdicts: Verdicts,
    scored: Scored,
    config: VerifyConfig,
) -> tuple[list[SftRow], list[PreferencePair], list[Rejected]]:
    """Rows and pairs, and every answer that came into neither with its reason; failed ones are rejects of the check.

    How often a question is met is counted over all of its answers; of those with the same text one is trained on.
    """
    groups: dict[str, list[Answering]] = {question.id: [] for question in questions}
    for answer in answers:
        groups[verdicts.question(answer).id].append(answer)
    rows: dict[str, list[list[SftRow]]] = {}
    pairs: dict[str, list[list[PreferencePair]]] = {}
    rejects: list[Rejected] = []
    low = _lowest([one for one in answers if verdicts.passed(one)], scored, config.guard) if config.guard else {}
    for question in questions:
        group = groups[question.id]
        right = [one for one in group if verdicts.passed(one)]
        wrong = [one for one in group if verdicts.failed(one)]
        if detail := _teaches_nothing(right, config):
            rejects += [Rejected.of(one, "teaches nothing", detail) for one in right]
            continue
        edited = question.way == "hindsight"  # a person's text, edited: nothing that the model would say by itself
        rejects += [Rejected.of(one, "guard", low[one.id]) for one in right if one.id in low]
        right, again = _distinct([one for one in right if one.id not in low])
        wrong, _ = _distinct(wrong)
        rejects += [Rejected.of(one, "duplicate", "the text of another answer to the question") for one in again]
        kept = [] if edited else some(right, config.rows_per_question)
        matched = _matched(right, wrong, config)
        rows.setdefault(question.about, []).append([SftRow.of_verified(one, verdicts) for one in kept])
        pairs.setdefault(question.about, []).append([PreferencePair.of_verified(*two, verdicts) for two in matched])
        used = {one.id for one in kept} | {chosen.id for chosen, _ in matched}
        detail = f"verify.rows_per_question is {config.rows_per_question}"
        if edited:
            detail = "edited texts make pairs alone, and no pair within verify.length_ratio can be made of it"
        rejects += [Rejected.of(one, "enough rows", detail) for one in right if one.id not in used]
    sft, too_many = _in_turn(rows, config.sft_rows)
    preferred, over = _in_turn(pairs, config.pairs)
    detail = "verify.sft_rows or verify.pairs was reached, families of checks in turn"
    beyond = [(row, row.response) for row in too_many] + [(pair, pair.rejected) for pair in over]
    rejects += [
        # A row that is left out stands in no table: what it was made of leads to its reason.
        Rejected(row=row.id, rule="beyond target", detail=detail, text=text, parents=(row.id, *row.parents))
        for row, text in beyond
    ]
    return sft, preferred, rejects


def _lowest(passing: Sequence[Answering], scored: Scored, share: float) -> dict[str, str]:
    """So large a share of those with a score, the lowest, by id with the reason; one without a score is none."""
    scores = scored.scores
    ranked = sorted((row.id for row in passing if row.id in scores), key=lambda row: (scores[row], row))
    detail = f"among the lowest {share:.0%} of what passes"
    return {row: f"score {scores[row]:.2f}, {detail}" for row in ranked[: int(share * len(ranked))]}


def _distinct(answers: Sequence[Answering]) -> tuple[list[Answering], list[Answering]]:
    """The first of each text, and the others."""
    first: dict[str, Answering] = {}
    again = [one for one in answers if first.setdefault(one.response.strip(), one) is not one]
    return list(first.values()), again


def difficulty(answers: Sequence[Answering], verdicts: Verdicts) -> dict[str, Difficulty]:
    """Of each family of computed questions, from which the next iteration takes how hard to make it."""
    found: dict[str, Difficulty] = {}
    for answer in answers:
        question = verdicts.question(answer)
        if question.way == "computed":
            of = found.setdefault(question.about, Difficulty(level=question.level, answers=0, passed=0))
            of["answers"] += 1
            of["passed"] += verdicts.passed(answer)
    return found


def shortage(sft: Sequence[SftRow], pairs: Sequence[PreferencePair], config: VerifyConfig) -> list[str]:
    """Why there is nothing to train on, and what to change; empty where there is."""
    checks = " and ".join(f"'check [{way}]'" for way in config.ways)
    advice = f"; see `lance show NAME --rows` {checks}, and raise verify.samples or the number of questions"
    found = (
        []
        if sft or not config.gives_sft_rows
        else [f"no verified SFT row: no question had answers that pass and answers that do not{advice}"]
    )
    if config.pairs and not pairs:
        found.append(f"no verified pair: none within verify.length_ratio{advice}")
    return found


def _teaches_nothing(right: Sequence[Answering], config: VerifyConfig) -> str:
    most = config.samples - 2
    if config.verdicts != "ignored" and len(right) > most:
        return f"{len(right)} of {config.samples} answers pass, at most {most} wanted: the model has learnt this"
    return ""


def _matched(
    right: Sequence[Answering], wrong: Sequence[Answering], config: VerifyConfig
) -> list[tuple[Answering, Answering]]:
    """Pairs of a right and a wrong answer, nearest in length first, each answer in one of them."""

    def apart(two: tuple[Answering, Answering]) -> float:
        return abs(log(max(length(two[1].response), 1) / max(length(two[0].response), 1)))

    taken: list[tuple[Answering, Answering]] = []
    used: set[str] = set()
    for chosen, rejected in sorted(product(right, wrong), key=lambda two: (apart(two), two[0].id, two[1].id)):
        fits = len(taken) < config.pairs_per_question and not used & {chosen.id, rejected.id}
        if fits and chosen.response.strip() != rejected.response.strip() and _in_bounds(chosen, rejected, config):
            taken.append((chosen, rejected))
            used |= {chosen.id, rejected.id}
    return taken


def _in_bounds(chosen: Answering, rejected: Answering, config: VerifyConfig) -> bool:
    if not config.length_ratio:
        return True
    low, high = config.length_ratio
    return low <= length(rejected.response) / max(length(chosen.response), 1) <= high


def _in_turn(families: dict[str, list[list[R]]], most: int) -> tuple[list[R], list[R]]:
    """At most so many: one question of each family in turn, all first rows before any second one; and the rest."""
    found: list[R] = []
    for of_family in zip_longest(*(list(_one_each(groups)) for groups in families.values())):
        found += [one for one in of_family if one is not None]
    return found[:most], found[most:]


def _one_each(groups: Sequence[Sequence[R]]) -> Iterable[R]:
    return (one for one in chain(*zip_longest(*groups)) if one is not None)
