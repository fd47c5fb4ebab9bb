"""Verdicts: what the checks of a question find in each of its answers; and the controls that put other ones in place.

A user error in a check's arguments ends the run; what a check does to its own text does not (tasks/verify/checks).
"""

import random
from collections.abc import Sequence

from tasks.recipe.verification import VerifyConfig
from tasks.store.rows import sampling_seed
from tasks.store.verified import Answering, Asked, Checked, Question
from tasks.verify.checks.base import Finding, found, verify

VERSION = 1
NOT_LOOKED_AT = Finding(outcome="pass", reason="control: nobody looked")


def verdicts(questions: Sequence[Question], answers: Sequence[Answering], config: VerifyConfig) -> list[Checked]:
    """One row for each check of each answer, in their order."""
    of_question: dict[str, list[Answering]] = {}
    for answer in answers:
        of_question.setdefault(answer.parents[0], []).append(answer)
    rows = []
    for question in questions:
        group = of_question.get(question.id, [])
        for asked in question.checks:
            findings = [verify(asked.check, answer.response, asked.given) for answer in group]
            findings = _controlled(findings, question, config)
            rows += [_row(*one, question, asked) for one in zip(group, findings, strict=True)]
    return rows


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
