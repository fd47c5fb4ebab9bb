"""Token ids of chats, by a model's own template and tokenizer."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import jinja2
from tokenizers import Tokenizer

from tasks.engines.calls import Messages, chat
from tasks.engines.tokenizing.control_tokens import PlainText
from tasks.engines.tokenizing.template import ChatTemplate


class Tokens:
    """What transformers does beyond that is not known here: so the client compares both once."""

    def __init__(
        self,
        plain: PlainText,
        tokenizer: Tokenizer,
        template: ChatTemplate | None,
        ends: frozenset[int] = frozenset(),
    ):
        """`ends`: with which of its tokens the model's own settings end an answer."""
        self.plain = plain
        self._tokenizer, self._template, self._ends = tokenizer, template, ends

    @classmethod
    def of(cls, model: Path) -> "Tokens":
        """Raises ValueError where the folder has no tokenizer.json or no chat template."""
        plain, template = PlainText.of(model), ChatTemplate.of(model)
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(plain, tokenizer, template, _ends(model, template, tokenizer))

    def fitted(self, messages: Sequence[Mapping[str, str]]) -> Messages:
        """As the model's template takes them."""
        return self._template.fitted(messages) if self._template else tuple(map(dict, messages))

    @cached_property
    def stop_ids(self) -> list[int]:
        """The token that ends a turn in the template, where the model's own settings name others: it would write on."""
        said = self.fitted(chat("Why?", "So."))
        try:
            open_, closed = self.ids(said, False), self.ids(said, True)
        except jinja2.TemplateError:
            return []
        return [one for one in closed[len(open_) : len(open_) + 1] if one not in self._ends]

    def ids(self, messages: Messages, closed: bool) -> list[int]:
        """With the generation prompt; or with its last answer, `closed` or to be continued.

        Raises jinja2.TemplateError where the template refuses the chat or cannot be read here.
        """
        return self._read(self._text(messages, closed))

    def behind(self, prompt: Messages, whole: Messages) -> list[int] | None:
        """Ids of what the second, closed, adds to the first, read by itself; None where it begins otherwise.

        A prompt that ends in line breaks may be read in other tokens once a word follows, and not by who writes that.
        """
        before, text = self._text(prompt, False), self._text(whole, True)
        return self._read(text[len(before) :]) if text.startswith(before) else None

    def _text(self, messages: Messages, closed: bool) -> str:
        if self._template is None:
            raise jinja2.TemplateError("no template is known")
        return self._template.text(messages, closed)

    def _read(self, text: str) -> list[int]:
        return self.plain.ids(text, lambda part: self._tokenizer.encode(part, add_special_tokens=False).ids)


def _ends(model: Path, template: ChatTemplate, tokenizer: Tokenizer) -> frozenset[int]:
    """As an engine takes them: of the generation's settings, and the tokenizer's own."""
    of_tokenizer = tokenizer.token_to_id(template.special.get("eos_token", ""))
    try:
        found = json.loads((model / "generation_config.json").read_text(encoding="utf-8")).get("eos_token_id")
    except (OSError, ValueError):
        found = None
    named = found if isinstance(found, list) else [found]
    return frozenset(one for one in (*named, of_tokenizer) if isinstance(one, int))
