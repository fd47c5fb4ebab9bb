"""Verdicts: what the checks of a question find in each of its answers; and the controls that put other ones in place.

A user error in a check's arguments ends the run; what a check does to its own text does not (tasks/verify/checks).
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tasks.recipe.verification import VerifyConfig
from tasks.store.rows import sampling_seed
from tasks.store.verified import Answering, Asked, Checked, Question
from tasks.verify.checks.base import Finding, found, verify

VERSION = 1
NOT_LOOKED_AT = Finding(outcome="pass", reason="control: nobody looked")


Item = tuple[str, str, Mapping[str, Any]]  # check, text, arguments
Apart = Callable[[Sequence[Item]], Sequence[Finding]]


def verdicts(
    questions: Sequence[Question], answers: Sequence[Answering], config: VerifyConfig, apart: Apart
) -> list[Checked]:
    """One row for each check of each answer, in their order. `apart` asks the checks that run what somebody wrote."""
    of_question: dict[str, list[Answering]] = {}
    for answer in answers:
        of_question.setdefault(answer.parents[0], []).append(answer)
    groups = [
        (question, asked, of_question.get(question.id, [])) for question in questions for asked in question.checks
    ]
    found_apart = iter(apart([item for _, asked, group in groups if _is_apart(asked) for item in _items(asked, group)]))
    rows = []
    for question, asked, group in groups:
        if _is_apart(asked):
            findings = [next(found_apart) for _ in group]
        else:
            findings = [verify(*item) for item in _items(asked, group)]
        controlled = _controlled(findings, question, config)
        rows += [_row(*one, question, asked) for one in zip(group, controlled, strict=True)]
    return rows


def _is_apart(asked: Asked) -> bool:
    return found(asked.check).apart


def _items(asked: Asked, answers: Sequence[Answering]) -> list[Item]:
    return [(asked.check, answer.response, asked.given) for answer in answers]


def _row(answer: Answering, finding: Finding, question: Question, asked: Asked) -> Checked:
    return Checked(
        item=answer.id,
        check=asked.check,
        arguments=asked.arguments,
        version=found(asked.check).version,
        outcome=finding.outcome,
        reason=finding.reason,
        parents=(answer.id, question.id),
    )


def _controlled(findings: list[Finding], question: Question, config: VerifyConfig) -> list[Finding]:
    """As the recipe's control wants them: the same order for all checks of a question, so that as many answers pass."""
    if config.verdicts == "ignored":
        return [NOT_LOOKED_AT] * len(findings)
    if config.verdicts == "shuffled":
        order = list(range(len(findings)))
        random.Random(sampling_seed("shuffled", question.id)).shuffle(order)
        return [
            Finding(outcome=findings[i].outcome, reason=f"control, found in another answer: {findings[i].reason}")
            for i in order
        ]
    return findings
