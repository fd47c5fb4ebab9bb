"""A model's tokenizer as TRL is given it: what looks like a control token in a chat's texts is read as text.

TRL has chats rendered and read in one step, `apply_chat_template`; texts with marks (tasks/engines/tokenizing)
are read in parts there. All others go the tokenizer's own way.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from tasks.engines.calls import Messages
from tasks.engines.tokenizing.control_tokens import OPEN, PlainText
from tasks.engines.tokenizing.template import NO_THOUGHT, ChatTemplate

Chat = Sequence[Mapping[str, str]]


class PlainChat:
    def __init__(self, model: Path):
        """Raises ValueError where the model has no tokenizer.json or no chat template."""
        self._plain, self._template = PlainText.of(model), ChatTemplate.of(model)
        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self._render = partial(self.tokenizer.apply_chat_template, **NO_THOUGHT)
        self.tokenizer.apply_chat_template = self._apply

    def messages(self, chat: Chat) -> Messages:
        """As they are to be read: with marks, and as the template takes them."""
        return self._plain.messages(self._template.fitted(chat))

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
        return self._plain.ids(rendered, lambda part: self.tokenizer(part, add_special_tokens=False)["input_ids"])
