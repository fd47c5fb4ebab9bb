"""The kinds of flaw that a response is asked for, each with the words of the request.

The name stays with the row for life.
"""

from tasks.text.prompts import templates as prompts

FLAWS = {
    "wrong": "states something wrong",
    "misleading": "misleads the reader in an important point",
    "badly put": "is badly organised and hard to follow",
    "incomplete": "leaves out what matters most",
}


def in_turn(number: int) -> str:
    return list(FLAWS)[number % len(FLAWS)]


def request(instruction: str, flaw: str) -> str:
    return prompts.render("flawed", instruction=instruction, flaw=FLAWS[flaw])
