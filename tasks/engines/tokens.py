"""How a model reads a chat: its template and its tokenizer, from its folder, without its weights or its library."""

import json
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from tasks.engines.calls import Messages
from tasks.engines.control_tokens import PlainText

CUT = "\u2063cut here\u2063"  # stands in no text, and no template strips it


class Tokens:
    """Rendered as transformers does. What it does beyond that is not known here: so the client compares both once."""

    def __init__(
        self, plain: PlainText, tokenizer: Tokenizer, template: jinja2.Template | None, special: dict[str, str]
    ):
        self.plain = plain
        self._tokenizer, self._template, self._special = tokenizer, template, special

    @classmethod
    def of(cls, model: Path) -> "Tokens":
        """Raises ValueError where the folder has no tokenizer.json or no chat template."""
        plain, text = PlainText.of(model), chat_template(model)
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = lambda value, **how: json.dumps(value, ensure_ascii=False, **how)
        environment.globals["raise_exception"] = _refuse
        config = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
        special = {name: value for name, value in config.items() if name.endswith("_token") and isinstance(value, str)}
        try:
            return cls(plain, tokenizer, environment.from_string(text), special)
        except jinja2.TemplateSyntaxError:  # a tag of transformers' own
            return cls(plain, tokenizer, None, special)

    def ids(self, messages: Messages, closed: bool) -> list[int]:
        """With the generation prompt; or with its last answer, `closed` or to be continued.

        Raises jinja2.TemplateError where the template refuses the chat or cannot be read here.
        """
        text = self._text(messages, closed)
        return self.plain.ids(text, lambda part: self._tokenizer.encode(part, add_special_tokens=False).ids)

    def _text(self, messages: Messages, closed: bool) -> str:
        if messages[-1]["role"] != "assistant":
            return self._render(messages, True)
        if closed:
            return self._render(messages, False)
        last = {**messages[-1], "content": messages[-1]["content"] + CUT}
        return self._render((*messages[:-1], last), False).rpartition(CUT)[0]

    def _render(self, messages: Messages, prompt: bool) -> str:
        if self._template is None:
            raise jinja2.TemplateError("the template has tags that are transformers' own")
        return self._template.render(
            messages=list(messages), add_generation_prompt=prompt, tools=None, documents=None, **self._special
        )


def chat_template(model: Path) -> str:
    """Raises ValueError where the folder has none."""
    file = model / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    try:
        found: Any = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))["chat_template"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{model}: expected a chat template, found none: {error}") from error
    by_name = {one["name"]: one["template"] for one in found} if isinstance(found, list) else {"default": found}
    return str(by_name["default"])


def _refuse(reason: str) -> None:
    raise jinja2.TemplateError(reason)
