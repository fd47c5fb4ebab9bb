"""Texts that are mostly phrases which fit anywhere, or that carry the labels of the prompt they answer."""

import re

from tasks.clean.base import Candidate, Rule
from tasks.recipe.data import CleanConfig
from tasks.text.words import length

STOCK = re.compile(
    r"\b(i hope (this|that) helps|let me know if|feel free to|happy to help|glad to help|great question"
    r"|thank you for (asking|your question)|as requested|here (is|are) (the|a|an|your|my|some) [^.!?]{0,40}:$"
    r"|if you have any (other |more |further )?questions|(please )?do not hesitate)",
    re.IGNORECASE | re.MULTILINE,
)
SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
LABEL = re.compile(r"^\W*(instruction|response|principles?|score|rationale)\W*:", re.IGNORECASE | re.MULTILINE)


class Boilerplate(Rule):
    """English phrases only."""

    name = "boilerplate"

    def __init__(self, config: CleanConfig):
        self.most = config.max_boilerplate_share

    def __call__(self, candidate: Candidate) -> str | None:
        if label := LABEL.search(candidate.text):
            return f"a label of the prompt stands in it: {label.group().strip()}"
        stock = [sentence for sentence in SENTENCE.findall(candidate.text) if STOCK.search(sentence)]
        share = sum(map(length, stock)) / max(1, length(candidate.text))
        return f"{share:.0%} of it are stock phrases, expected at most {self.most:.0%}" if share > self.most else None
