"""A model's tokenizer as TRL is given it: what looks like a control token in a chat's texts is read as text.

TRL has chats rendered and read in one step, `apply_chat_template`; texts with marks (tasks/engines/control_tokens.py)
are read in parts there. All others go the tokenizer's own way.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from tasks.engines.control_tokens import OPEN, PlainText

Chat = Sequence[dict[str, str]]


class PlainChat:
    def __init__(self, model: Path):
        self.plain, self.tokenizer = PlainText.of(model), AutoTokenizer.from_pretrained(model)
        self._render = self.tokenizer.apply_chat_template
        self.tokenizer.apply_chat_template = self._apply

    def lengths(self, chats: Sequence[Chat]) -> list[int]:
        """In tokens."""
        texts = [self._render(list(chat), tokenize=False) for chat in chats]
        unmarked = [text for text in texts if OPEN not in text]  # all at once: in Rust, on all cores
        of_them = iter(self.tokenizer(unmarked, add_special_tokens=False)["input_ids"] if unmarked else ())
        return [len(self._ids(text) if OPEN in text else next(of_them)) for text in texts]

    def ids(self, chat: Chat, prompt: bool = False) -> list[int]:
        """Of a chat; with what an answer begins with, where it is a `prompt`."""
        found: list[int] = self._apply(chat, add_generation_prompt=prompt, return_dict=True)["input_ids"]
        return found

    def _apply(self, chat: Chat, *given: Any, **how: Any) -> Any:
        marked = any(OPEN in message["content"] for message in chat)
        if not marked or how.get("tokenize") is False:
            return self._render(list(chat), *given, **how)
        ids = self._ids(self._render(list(chat), *given, **how | {"tokenize": False}))
        return {"input_ids": ids, "attention_mask": [1] * len(ids)}

    def _ids(self, rendered: str) -> list[int]:
        return self.plain.ids(rendered, lambda part: self.tokenizer(part, add_special_tokens=False)["input_ids"])
