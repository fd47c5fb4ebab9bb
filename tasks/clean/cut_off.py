"""Texts that the token limit ended, and not their writer."""

from tasks.clean.base import Candidate, Rule


class CutOff(Rule):
    name = "cut off"

    def __call__(self, candidate: Candidate) -> str | None:
        row = candidate.row
        return f"the token limit ended it after {row.new_tokens} tokens" if row.finish == "length" else None
