"""Refusals. Among flawed responses they would teach the model, as `rejected`, never to refuse."""

from tasks.clean.base import Candidate, Rule
from tasks.text.words import is_refusal


class Refusal(Rule):
    name = "refusal"

    def __call__(self, candidate: Candidate) -> str | None:
        return candidate.text[:60] if is_refusal(candidate.text) else None
