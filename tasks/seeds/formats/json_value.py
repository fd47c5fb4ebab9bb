"""Where the rows are in a file that is one JSON value: in a list, or in an object as pandas and others write tables.

    items, said = items_of({"data": [{"prompt": "Why?", "response": "So."}]})     # the list, and nothing to say

An item is a row if it is an object, which whoever reads it has to look at.
"""

from collections.abc import Mapping
from typing import Any

Said = tuple[tuple[str, str], ...]
OF_ONE_ROW = ("messages", "conversations", "conversation", "history")  # lists that are no rows
TRAIN, OTHERS = "train", "other_splits"
SPLITS = {TRAIN, "test", "validation", "valid", "dev", "eval"}


def items_of(value: object) -> tuple[list[Any], Said] | None:
    """With what a user would want to know of it; None where it cannot be told which list holds the rows."""
    if isinstance(value, list):
        return value, ()
    if not isinstance(value, dict):
        return None
    if (table := _table(value)) is not None:
        return table, ()
    lists = {key: item for key, item in value.items() if isinstance(item, list) and key not in OF_ONE_ROW}
    if not any(map(_holds_objects, lists.values())):
        return [value], ()
    if len(lists) > 1 and lists.keys() <= SPLITS and lists.get(TRAIN):
        others = ", ".join(key for key in lists if key != TRAIN)
        return lists[TRAIN], ((OTHERS, f"not read beside {TRAIN}: {others}"),)
    return (next(iter(lists.values())), ()) if len(lists) == 1 else None


def _table(value: Mapping[str, Any]) -> list[Any] | None:
    """The rows of what `DataFrame.to_json` writes by `orient`, or of columns as lists; None of anything else."""
    inner = list(value.values())
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list) and all(isinstance(one, list) for one in data):  # split
        names = list(map(str, columns))
        return [dict(zip(names, one, strict=True)) if len(one) == len(names) else one for one in data]
    if inner and all(isinstance(one, dict) for one in inner):
        if not all(key.isdecimal() for one in inner for key in one):
            return inner  # index
        labels = dict.fromkeys(label for one in inner for label in one)
        return [{name: one.get(label) for name, one in value.items()} for label in labels]  # columns
    lists = len(inner) > 1 and all(isinstance(one, list) and not any(isinstance(x, dict) for x in one) for one in inner)
    if lists and len({len(one) for one in inner}) == 1 and inner[0]:  # list
        return [dict(zip(value, row, strict=True)) for row in zip(*inner, strict=True)]
    return None


def _holds_objects(items: list[Any]) -> bool:
    return not items or any(isinstance(item, dict) for item in items)
