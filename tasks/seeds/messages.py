"""Conversations as people have them: lists of messages in several dialects, pairs of earlier turns, or either as JSON.

Who says a message is `role` or ShareGPT's `from`, what is said `content`, `value` or `text`: a text, or its parts.
"""

import ast
import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tasks.seeds.formats.json_text import parsed
from tasks.seeds.formats.raw import Unreadable, shown

PAIR = ("user", "assistant")
ROLES = {"human": "user", "prompter": "user", "developer": "system"}
ROLES |= dict.fromkeys(("gpt", "model", "chatbot"), "assistant")
TOOLS = ("tool_calls", "function_call")  # of a message that calls one
BETWEEN = re.compile(r"\}\s*\n\s*\{")
CONTENTS = ("content", "value", "text")
KNOWN = {"role", "from", *CONTENTS, *TOOLS}


class Unfit(Exception):
    """Why a row is no seed: the rule that it breaks, and what was found."""

    def __init__(self, rule: str, detail: str, text: str = ""):
        super().__init__(detail)
        self.rule, self.detail, self.text = rule, detail, text


class Turn(NamedTuple):
    role: str
    place: str  # the column, or for a message "column[index]"
    content: object

    @property
    def text(self) -> str:
        """Empty where there is none. Raises Unfit for what is no text."""
        value = _joined(self.content) if isinstance(self.content, list) else self.content
        if isinstance(value, bytes):  # a text that Parquet was not told to be one
            with contextlib.suppress(UnicodeDecodeError):
                value = value.decode()
        if value is None or value != value:  # NaN is how pandas says that there is none
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, dict | list | bytes):
            detail = Unreadable(f"text in {self.place!r}", shown(self.content), "put text there or remove the row")
            raise Unfit("not_text", str(detail))
        return str(value)


def _joined(parts: list[object]) -> object:
    """The texts of a content in parts, or the parts where one is no text, or they are several texts and not one's."""
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    several = len(parts) > 1 and all(isinstance(part, str) for part in parts)
    return parts if several or not all(isinstance(text, str) for text in texts) else "\n".join(map(str, texts))


def messages(value: object, column: str) -> Iterator[Turn]:
    """Raises Unfit for what is no conversation, or one that calls tools."""
    for index, message in enumerate(_listed(value, column, "messages")):
        place = f"{column}[{index}]"
        fields: dict[str, Any] = message if isinstance(message, dict) else {}
        role = fields.get("role") if fields.get("from") is None else fields["from"]
        there = [name for name in CONTENTS if name in fields]
        content = next((name for name in there if fields[name] is not None), next(iter(there), None))
        if any(fields.get(name) for name in TOOLS) or role in ("tool", "function"):
            raise Unfit("tools", f"{place!r} is of a tool, which seeds do not have", shown(message))
        if not isinstance(role, str) or content is None:
            expected = f'{{"role": "...", "content": "..."}} or {{"from": "...", "value": "..."}} in {place!r}'
            raise Unfit("columns", str(Unreadable(expected, shown(message), "give each message who says it and what")))
        yield Turn(ROLES.get(role.lower(), role.lower()), place, fields[content])


def beside(value: object) -> set[str]:
    """What messages hold, and no seed takes."""
    found = value if isinstance(value, list) else []
    return {key for one in found if isinstance(one, dict) for key, of in one.items() if of is not None} - KNOWN


def history(value: object, column: str) -> list[Turn]:
    """Earlier turns, from the first: pairs of question and answer, as LLaMA-Factory has them, or messages."""
    found = _listed(value, column, "pairs of question and answer")
    if all(isinstance(one, dict) for one in found):
        return list(messages(found, column))
    turns = []
    for index, pair in enumerate(found):
        if not isinstance(pair, list) or len(pair) != 2:
            expected = f"a pair of question and answer in '{column}[{index}]'"
            raise Unfit("columns", str(Unreadable(expected, shown(pair), "give each turn both")))
        turns += [Turn(role, f"{column}[{index}]", text) for role, text in zip(PAIR, pair, strict=True)]
    return turns


def _listed(value: object, column: str, of: str) -> list[object]:
    """As it is, or written as text; none where there is nothing."""
    found = _written(value) if isinstance(value, str) and value.strip() else value
    if found is None or found == "":
        return []
    if not isinstance(found, list):
        advice = "make it a list, in double quotes where it is JSON"
        raise Unfit("columns", str(Unreadable(f"a list of {of} in {column!r}", shown(value), advice)))
    return found


def _written(text: str) -> object:
    """As JSON, or as Python writes a list, which is what pandas puts into CSV; the text itself where it is neither."""
    with contextlib.suppress(Unreadable):
        return parsed(text)
    with contextlib.suppress(Unreadable, ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        # numpy writes no comma between objects; inside of a text a line break is not one, but \\n.
        return parsed(json.dumps(ast.literal_eval(BETWEEN.sub("}, {", text.strip()))))
    return text
