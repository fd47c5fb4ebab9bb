"""In which language a text is written."""

import functools

from babel import Locale, UnknownLocaleError
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from tasks.text.words import length

# Of 367 texts of 10 words or more in two English seed sets the identifier took 2 for another language with a
# probability of 0.9 or more, and those two did begin in that language; below 10 words it guesses.
MIN_WORDS, MIN_PROBABILITY = 10, 0.9


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
