"""Control tokens in data are text like any other: a seed that holds `<|im_end|>` must not end its own turn.

Both ways into a model go through `PlainText`: what an engine is asked, and what a trainer is given. Rows keep their
text as it is.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

MARKUP = re.compile(r"<.*>", re.DOTALL)  # Qwen's <tool_call> is one token too, and not marked as special


class PlainText:
    """Breaks each control token of one tokenizer up with a space behind its first character."""

    def __init__(self, tokens: Iterable[str]):
        # Where one token begins another, either order breaks up both.
        self._tokens = re.compile("|".join(re.escape(token) for token in tokens if len(token) > 1) or r"(?!)")

    @classmethod
    def of(cls, model: Path) -> "PlainText":
        """Raises ValueError where the folder has no tokenizer.json to read the tokens from."""
        try:
            added = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"{model}: expected a tokenizer.json with added_tokens: {error}") from error
        return cls(one["content"] for one in added if one["special"] or MARKUP.fullmatch(one["content"]))

    def text(self, text: str) -> str:
        return self._tokens.sub(lambda found: f"{found.group()[0]} {found.group()[1:]}", text)

    def messages(self, messages: Iterable[Mapping[str, str]]) -> tuple[dict[str, str], ...]:
        return tuple({**message, "content": self.text(message["content"])} for message in messages)
