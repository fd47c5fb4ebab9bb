"""Texts that go round in circles."""

from tasks.clean.base import Candidate, Rule
from tasks.recipe.data import CleanConfig
from tasks.text.words import repeated_share


class Repetition(Rule):
    name = "repetition"

    def __init__(self, config: CleanConfig):
        self.most = config.max_repeated_share

    def __call__(self, candidate: Candidate) -> str | None:
        share = repeated_share(candidate.text)
        return f"{share:.0%} of its 4-grams repeat, expected at most {self.most:.0%}" if share > self.most else None
