"""Where the rows are in a file that is one JSON value: in a list, or in an object as pandas and others write tables.

    items, said = items_of({"data": [{"prompt": "Why?", "response": "So."}]})     # the list, and nothing to say

An item is a row if it is an object, which whoever reads it has to look at.
"""

from collections.abc import Mapping
from typing import Any

Said = tuple[tuple[str, str], ...]
OF_ONE_ROW = ("messages", "conversations", "conversation", "history")  # lists that are no rows
# One of which every form of seeds has: the object is a row, or a table of them by columns.
ASKED = {"prompt", "instruction", "question", "query", "problem", "input", *OF_ONE_ROW}
TRAIN, OTHERS = "train", "other_splits"
SPLITS = {TRAIN, "test", "validation", "valid", "val", "dev", "eval"}


def items_of(value: object) -> tuple[list[Any], Said] | None:
    """With what a user would want to know of it; None where it cannot be told which list holds the rows."""
    if isinstance(value, list):
        return ([value] if is_conversation(value) else value), ()
    if not isinstance(value, dict):
        return None
    if (table := _split(value) or _by_columns(value)) is not None:
        return table, ()
    if ASKED & value.keys():
        return [value], ()
    if value and all(isinstance(one, dict) for one in value.values()):
        return list(value.values()), ()
    lists = {key: item for key, item in value.items() if isinstance(item, list)}
    if not any(map(_holds_objects, lists.values())):
        return [value], ()
    if len(lists) > 1 and lists.keys() <= SPLITS and lists.get(TRAIN):
        others = ", ".join(key for key in lists if key != TRAIN)
        return lists[TRAIN], ((OTHERS, f"not read beside {TRAIN}: {others}"),)
    return (next(iter(lists.values())), ()) if len(lists) == 1 else None


def is_conversation(value: object) -> bool:
    """A list of messages alone."""
    return isinstance(value, list) and bool(value) and all(map(_is_message, value))


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and not value.keys().isdisjoint(("role", "from"))


def _split(value: Mapping[str, Any]) -> list[Any] | None:
    """What pandas' `to_json(orient="split")` writes."""
    columns, data = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not isinstance(data, list) or not all(isinstance(one, list) for one in data):
        return None
    names = list(map(str, columns))
    return [dict(zip(names, one, strict=True)) if len(one) == len(names) else one for one in data]


def _by_columns(value: Mapping[str, Any]) -> list[Any] | None:
    """What pandas' `to_json()` writes (a column's values by the row's label), or a list for each column."""
    columns = list(value.values())
    if columns and all(isinstance(one, dict) for one in columns):
        labels = dict.fromkeys(label for one in columns for label in one)
        if not ASKED & value.keys() and not all(label.isdecimal() for label in labels):
            return None
        return [{name: one.get(label) for name, one in value.items()} for label in labels]
    lists = [one for one in columns if isinstance(one, list) and not any(isinstance(item, dict) for item in one)]
    many = len(columns) > 1 or any(isinstance(item, list) for one in lists for item in one)
    if many and len(lists) == len(columns) and len(set(map(len, lists))) == 1 and lists[0]:
        return [dict(zip(value, row, strict=True)) for row in zip(*lists, strict=True)]
    return None


def _holds_objects(items: list[Any]) -> bool:
    return not items or any(isinstance(item, dict) for item in items)
