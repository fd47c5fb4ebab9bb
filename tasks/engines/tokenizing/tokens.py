"""Token ids of chats, by a model's own template and tokenizer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2
from tokenizers import Tokenizer

from tasks.engines.calls import Messages
from tasks.engines.tokenizing.control_tokens import PlainText
from tasks.engines.tokenizing.template import ChatTemplate


class Tokens:
    """What transformers does beyond that is not known here: so the client compares both once."""

    def __init__(self, plain: PlainText, tokenizer: Tokenizer, template: ChatTemplate | None):
        self.plain = plain
        self._tokenizer, self._template = tokenizer, template

    @classmethod
    def of(cls, model: Path) -> "Tokens":
        """Raises ValueError where the folder has no tokenizer.json or no chat template."""
        plain, template = PlainText.of(model), ChatTemplate.of(model)
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(plain, tokenizer, template)

    def fitted(self, messages: Sequence[Mapping[str, str]]) -> Messages:
        """As the model's template takes them."""
        return self._template.fitted(messages) if self._template else tuple(map(dict, messages))

    def ids(self, messages: Messages, closed: bool) -> list[int]:
        """With the generation prompt; or with its last answer, `closed` or to be continued.

        Raises jinja2.TemplateError where the template refuses the chat or cannot be read here.
        """
        if self._template is None:
            raise jinja2.TemplateError("no template is known")
        text = self._template.text(messages, closed)
        return self.plain.ids(text, lambda part: self._tokenizer.encode(part, add_special_tokens=False).ids)
