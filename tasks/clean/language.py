"""Responses in another language than their instruction's, unless the instruction names that language."""

from tasks.clean.base import Candidate, Rule
from tasks.text.language import language, name_of


class Language(Rule):
    name = "language"

    def __call__(self, candidate: Candidate) -> str | None:
        if not candidate.is_response:
            return None
        asked, given = language(candidate.row.instruction), language(candidate.row.response)
        if not asked or not given or asked == given:
            return None
        named = candidate.row.instruction.lower()
        if any(name in named for name in (name_of(given, asked), name_of(given, "en"))):
            return None
        return f"{name_of(given, 'en')}, to an instruction in {name_of(asked, 'en')}"
