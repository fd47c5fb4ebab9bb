"""Responses in another language than their instruction's, unless the instruction names that language."""

import functools

from babel import Locale, UnknownLocaleError
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from tasks.clean.rule import Candidate, Rule
from tasks.text import length

# Of 367 texts of 10 words or more in two English seed sets the identifier took 2 for another language with a
# probability of 0.9 or more, and those two did begin in that language; below 10 words it guesses.
MIN_WORDS, MIN_PROBABILITY = 10, 0.9


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


def language(text: str) -> str | None:
    """ISO 639-1 code; None for a text too short or too mixed to tell."""
    if length(text) < MIN_WORDS:
        return None
    code, probability = _identifier().classify(text)
    return str(code) if probability >= MIN_PROBABILITY else None


def name_of(code: str, within: str) -> str:
    """What the language is called in another one, in lower case."""
    try:
        return str(Locale.parse(within).languages.get(code, code)).lower()
    except (UnknownLocaleError, ValueError):
        return code


@functools.cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
