"""What is wrong with the values of a recipe, in the words of its files rather than of Python's types."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

WORDS = {
    "missing": "is missing",
    "model_type": "expected a mapping of keys to values",
    "dict_type": "expected a mapping of keys to values",
    "tuple_type": "expected a list, such as [a, b]",
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected at least {ge}",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected at most {le}",
    "literal_error": "expected {expected}",
    "string_too_short": "expected some text",
    "string_pattern_mismatch": "expected text that matches {pattern}",
}
MISSING = object()
KINDS = ("int", "float", "str", "bool", "constrained-int", "constrained-float", "constrained-str")


def told(error: ValidationError, source: str, of: type[BaseModel]) -> str:
    """Each wrong value with its key; of a value that may be of several kinds, all that was expected."""
    by_key: dict[str, tuple[list[str], Any]] = {}
    for one in error.errors():
        key = ".".join(map(str, _key(one["loc"])))
        found = MISSING if one["type"] == "missing" or not key else one["input"]  # "": the recipe as a whole
        by_key.setdefault(key, ([], found))[0].append(_words(one, of))
    lines = [f"  {key}{': ' if key else ''}{_together(words)}{_found(found)}" for key, (words, found) in by_key.items()]
    return "\n".join([f"{source}: {len(lines)} value(s) are not as expected", *lines])


def _found(value: Any) -> str:
    if value is MISSING:
        return ""
    return " (found nothing)" if value is None else f" (found {value!r})"


def _together(words: Sequence[str]) -> str:
    first, *more = dict.fromkeys(words)
    return " or ".join([first, *(one.removeprefix("expected ") for one in more)])


def _words(one: Mapping[str, Any], of: type[BaseModel]) -> str:
    if one["type"] == "extra_forbidden":
        there = _fields(one["loc"][:-1], of)
        near = difflib.get_close_matches(str(one["loc"][-1]), there, 1)
        return f"there is no such key; {f'is it {near[0]}?' if near else 'there are ' + ', '.join(there)}"
    said = str(WORDS.get(one["type"], one["msg"].removeprefix("Value error, ")))
    context = {
        name: f"{value:g}" if isinstance(value, float) else value for name, value in (one.get("ctx") or {}).items()
    }
    return said.format(**context) if one["type"] in WORDS else said


def _key(where: Sequence[int | str]) -> list[int | str]:
    """Without what pydantic adds for the kind of value that it tried: `constrained-int`, `literal['auto']`, `[key]`."""
    return [part for part in where if isinstance(part, int) or not ("[" in part or part in KINDS)]


def _fields(where: Sequence[int | str], of: type[BaseModel]) -> list[str]:
    """Keys of the mapping there; none where it is no model of ours."""
    found: type[BaseModel] | None = of
    for part in where:
        if isinstance(part, int):
            continue
        field = found.model_fields.get(str(part)) if found else None
        found = _model(field.annotation) if field else None
    return [*found.model_fields] if found else []


def _model(annotation: Any) -> type[BaseModel] | None:
    """The first one in an annotation, such as that of a tuple's items."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model(one))), None)
