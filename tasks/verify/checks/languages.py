"""In which language a text is."""

from typing import Annotated

from pydantic import Field

from tasks.text.language import language
from tasks.verify.checks.base import Finding, cannot_tell, check, judged


@check(version=1)
def in_language(text: str, code: Annotated[str, Field(pattern="^[a-z]{2}$")]) -> Finding:
    """ISO 639-1."""
    found = language(text)
    if found is None:
        return cannot_tell("too short or too mixed to tell its language")
    return judged(found == code, f"its language is {found}, {code} asked for")
