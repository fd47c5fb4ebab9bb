"""The kinds of flaw that a response is asked for: the words of the request, and the principles that it breaks.

The name stays with the row for life.
"""

from dataclasses import dataclass

from tasks import prompts


@dataclass(frozen=True)
class Flaw:
    wording: str
    breaks: tuple[str, ...]


FLAWS = {
    "wrong": Flaw("states something wrong", ("correct", "expert")),
    "misleading": Flaw("misleads the reader in an important point", ("correct", "expert")),
    "badly put": Flaw("is badly organised and hard to follow", ("well_put", "expert")),
    "incomplete": Flaw("leaves out what matters most", ("complete", "expert")),
}


def in_turn(number: int) -> str:
    return list(FLAWS)[number % len(FLAWS)]


def request(instruction: str, flaw: str) -> str:
    return prompts.render("flawed", instruction=instruction, flaw=FLAWS[flaw].wording)
