"""Control tokens in data are text like any other: a seed that holds `<|im_end|>` must not end its own turn.

Both ways into a model go through `PlainText`: what an engine is asked, and what a trainer is given. It marks what looks
like a control token before a chat is rendered, and has it read afterwards by a tokenizer that knows none: the same
text, of ordinary tokens. Rows keep their text as it is.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

MARKUP = re.compile(r"<.*>", re.DOTALL)  # Qwen's <tool_call> is one token too, and not marked as special
# Characters that Unicode keeps for a program's own use. One in data is taken for a control token, and so marked too.
OPEN, CLOSE = "\ufdd0", "\ufdd1"
MARKED = re.compile(f"( ?){OPEN}(\\d+){CLOSE}")  # with the blank that most tokenizers join to what follows
Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class PlainText:
    """For one tokenizer: its control tokens, and itself without them."""

    tokens: tuple[str, ...]
    plain: Tokenizer | None = None

    @classmethod
    def of(cls, model: Path) -> "PlainText":
        """Raises ValueError where the folder has no tokenizer.json to read the tokens from."""
        try:
            told = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
            added = told["added_tokens"]
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"{model}: expected a tokenizer.json with added_tokens: {error}") from error
        names = tuple(one["content"] for one in added if one["special"] or MARKUP.fullmatch(one["content"]))
        return cls(names, _without(told))

    @cached_property
    def _control(self) -> re.Pattern[str]:
        # Where one token begins another, either is read as text. Of one character none can be told from text.
        return re.compile("|".join(re.escape(one) for one in self._known) or r"(?!)")

    @cached_property
    def _known(self) -> list[str]:
        return [*(token for token in self.tokens if len(token) > 1), OPEN, CLOSE]

    def holds(self, texts: Iterable[str]) -> bool:
        return any(self._control.search(text) for text in texts)

    @cached_property
    def exact(self) -> bool:
        """Whether a chat can be read in parts: SentencePiece's tokenizers put a blank before each."""
        first = self.plain.encode("<", add_special_tokens=False).tokens[:1] if self.plain else ["\u2581"]
        return not any(token.startswith("\u2581") for token in first)

    def text(self, text: str) -> str:
        """With marks in place of control tokens."""
        if not self.exact:
            return self.broken_up(text)
        return self._control.sub(lambda found: f"{OPEN}{self._known.index(found.group())}{CLOSE}", text)

    def messages(self, messages: Iterable[Mapping[str, str]]) -> tuple[dict[str, str], ...]:
        return tuple({**message, "content": self.text(message["content"])} for message in messages)

    def ids(self, rendered: str, encode: Encode) -> list[int]:
        """Token ids of a rendered chat: what is marked by the tokenizer without control tokens, else by `encode`."""
        found: list[int] = []
        end = 0
        for mark in MARKED.finditer(rendered):
            found += encode(rendered[end : mark.start()])
            found += self._read(mark[1] + self._known[int(mark[2])])
            end = mark.end()
        return [*found, *encode(rendered[end:])]

    def _read(self, text: str) -> list[int]:
        assert self.plain, "marks are made of tokens, which come with a tokenizer"
        ids: list[int] = self.plain.encode(text, add_special_tokens=False).ids
        # Unigram models have control tokens among their pieces: letter by letter there is none.
        whole = {self.plain.token_to_id(token) for token in self.tokens}
        if whole.isdisjoint(ids):
            return ids
        return [one for letter in text for one in self.plain.encode(letter, add_special_tokens=False).ids]

    def broken_up(self, text: str) -> str:
        """Each control token with a space behind its first letter: another text, where there is no other way."""
        return self._control.sub(lambda found: f"{found.group()[0]} {found.group()[1:]}", text)


def _without(told: dict[str, Any]) -> Tokenizer | None:
    """The tokenizer that knows no control token; None for one that is none without them."""
    try:
        return Tokenizer.from_str(json.dumps(told | {"added_tokens": [], "truncation": None, "padding": None}))
    except Exception:  # tokenizers raises nothing more special
        return None
