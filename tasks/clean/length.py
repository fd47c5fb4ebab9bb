"""Texts that are too short or too long: published, instructions under 5 words, responses under 10 or over 4,096."""

from tasks.clean.base import Candidate, Rule
from tasks.recipe.data import CleanConfig
from tasks.text.words import length


class TooShort(Rule):
    name = "too short"

    def __init__(self, config: CleanConfig):
        self.config = config

    def __call__(self, candidate: Candidate) -> str | None:
        least = self.config.min_response_words if candidate.is_response else self.config.min_instruction_words
        found = length(candidate.text)
        return f"{found} words, expected at least {least}" if found < least else None


class TooLong(Rule):
    """Responses only."""

    name = "too long"

    def __init__(self, config: CleanConfig):
        self.most = config.max_response_words

    def __call__(self, candidate: Candidate) -> str | None:
        found = length(candidate.text) if candidate.is_response else 0
        return f"{found} words, expected at most {self.most}" if found > self.most else None
