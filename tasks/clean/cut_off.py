"""Texts that the token limit ended, and not their writer, and those that there was no room to ask for."""

from tasks.clean.base import Candidate, Rule
from tasks.store.rows import OVER_CONTEXT


class OverContext(Rule):
    name = "over context"

    def __call__(self, candidate: Candidate) -> str | None:
        asked = "what was asked is longer than engine.context_tokens has room for"
        return asked if candidate.row.finish == OVER_CONTEXT else None


class CutOff(Rule):
    name = "cut off"

    def __call__(self, candidate: Candidate) -> str | None:
        row = candidate.row
        return f"the token limit ended it after {row.new_tokens} tokens" if row.finish == "length" else None
