"""Regular expressions and JSON."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import jsonschema
import regex
from pydantic import Field
from referencing import Registry
from referencing.exceptions import Unresolvable

from tasks.text.fences import blocks
from tasks.verify.checks.base import Finding, Refused, cannot_tell, check, judged

WITHIN_S = 1.0  # a pattern may take for ever on some text
FORMATS = jsonschema.FormatChecker()
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
        raise Refused(f"expected a regular expression, found {pattern!r}: {error}") from None
    except TimeoutError:
        return cannot_tell(f"{pattern!r} took longer than {WITHIN_S:g} s")
    said = f"“{there[0][:60]}” matches" if there else "nothing matches"
    return judged(bool(there) == wanted, f"{said} {pattern!r}")


def parsed(text: str) -> Any:
    """The JSON that the text is, or its one code block; raises ValueError where there is none, or a key twice."""
    there = blocks(text)
    named = [one.text for one in there if one.tag == "json"] or [one.text for one in there if not one.tag]
    return json.loads(named[0] if len(named) == 1 else text, object_pairs_hook=_once, parse_constant=_refused)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands there twice")
    return dict(pairs)


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


@check(version=2)
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


@check(version=2)
def json_schema(text: str, schema: dict[str, Any]) -> Finding:
    """By the draft that the schema names, 2020-12 where it names none; nothing is fetched that it refers to."""
    validator = _validator(schema)
    try:
        found = parsed(text)
    except (ValueError, RecursionError) as error:
        return judged(False, f"no JSON: {error}")
    try:
        wrong = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(found)]
    except Unresolvable as error:
        raise Refused(f"expected a JSON schema that is whole, found one that refers to {error.ref}") from None
    except TimeoutError:
        return cannot_tell(f"a pattern of the schema took longer than {WITHIN_S:g} s")
    except RecursionError:
        return cannot_tell("too deep for the schema to be looked through")
    return judged(not wrong, "; ".join(wrong)[:300] or "as the schema says")


def _validator(schema: dict[str, Any]) -> Any:
    """Raises Refused for what is no schema, and for what would be passed over or has no limit in time."""
    draft = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        draft.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise Refused(f"expected a JSON schema, found one with {error.message}") from None
    # Where a reference leads to a draft's name, the library goes on with its own `pattern`.
    schema = {key: value for key, value in schema.items() if key != "$schema"}
    for key, value in _keys(schema):
        if key == "patternProperties" or (key == "$schema" and isinstance(value, str)):
            raise Refused(f"expected a JSON schema without {key} inside, found {value!r}")
        if key == "format" and isinstance(value, str) and value not in FORMATS.checkers:
            raise Refused(
                f"expected the formats {', '.join(sorted(FORMATS.checkers))} in a JSON schema, found {value!r}"
            )
    limited = jsonschema.validators.extend(draft, {"pattern": _pattern})
    return limited(schema, registry=Registry(), format_checker=FORMATS)


def _keys(schema: Any) -> Iterator[tuple[str, Any]]:
    """At any depth, each with what it has."""
    if isinstance(schema, dict):
        yield from schema.items()
    for value in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _keys(value)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    """As the library's, with a limit in time."""
    if validator.is_type(instance, "string") and not regex.search(pattern, instance, timeout=WITHIN_S):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")
