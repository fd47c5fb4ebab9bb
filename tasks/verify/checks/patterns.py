"""Regular expressions and JSON."""

import json
import re
from typing import Annotated, Any

import jsonschema
import regex
from pydantic import Field
from referencing import Registry
from referencing.exceptions import Unresolvable

from tasks.verify.checks.base import Finding, cannot_tell, check, judged

WITHIN_S = 1.0  # a pattern may take for ever on some text
FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n\s*```", re.DOTALL | re.IGNORECASE)
Pattern = Annotated[str, Field(min_length=1)]


@check(version=1)
def matches(text: str, pattern: Pattern) -> Finding:
    """Anywhere in the text; anchor the pattern for the whole of it."""
    return _searched(text, pattern, True)


@check(version=1)
def matches_not(text: str, pattern: Pattern) -> Finding:
    """Nowhere in the text."""
    return _searched(text, pattern, False)


def _searched(text: str, pattern: str, wanted: bool) -> Finding:
    try:
        there = regex.search(pattern, text, timeout=WITHIN_S)
    except regex.error as error:
        raise ValueError(f"expected a regular expression, found {pattern!r}: {error}") from None
    except TimeoutError:
        return cannot_tell(f"{pattern!r} took longer than {WITHIN_S:g} s")
    said = f"“{there[0][:60]}” matches" if there else "nothing matches"
    return judged(bool(there) == wanted, f"{said} {pattern!r}")


def parsed(text: str) -> Any:
    """The JSON that the text is, or its one code block; raises ValueError where there is none, or a key twice."""
    blocks: list[str] = FENCED.findall(text)
    return json.loads(blocks[0] if len(blocks) == 1 else text, object_pairs_hook=_once, parse_constant=_refused)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands there twice")
    return dict(pairs)


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


@check(version=1)
def json_object(text: str, keys: list[str] = []) -> Finding:  # noqa: B006 (never changed; shown as the default)
    """With these keys at least. Words may stand around its one code block, and none around JSON without one."""
    try:
        found = parsed(text)
    except (ValueError, RecursionError) as error:
        return judged(False, f"no JSON: {error}")
    if not isinstance(found, dict):
        return judged(False, f"JSON of the kind {type(found).__name__}, an object asked for")
    missing = [key for key in keys if key not in found]
    return judged(not missing, f"keys that are missing: {missing or 'none'}")


@check(version=1)
def json_schema(text: str, schema: dict[str, Any]) -> Finding:
    """By the draft that the schema names, 2020-12 where it names none; nothing is fetched that it refers to."""
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"expected a JSON schema, found one with {error.message}") from None
    try:
        found = parsed(text)
    except (ValueError, RecursionError) as error:
        return judged(False, f"no JSON: {error}")
    try:
        errors = list(validator(schema, registry=Registry()).iter_errors(found))
    except Unresolvable as error:
        raise ValueError(f"expected a JSON schema that is whole, found one that refers to {error.ref}") from None
    wrong = [f"{error.json_path}: {error.message}" for error in errors]
    return judged(not wrong, "; ".join(wrong)[:300] or "as the schema says")
