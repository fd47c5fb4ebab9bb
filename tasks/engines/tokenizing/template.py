"""A model's chat template, rendered as transformers does, and what of a chat it takes.

All is asked without a thought before the answer: what is trained on and measured is the answer.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tasks.engines.calls import Messages, chat

CUT = "\u2063cut here\u2063"  # stands in no text, and no template strips it
TODAY = datetime.now().astimezone()  # for templates that write the date: the same all through a run
NO_THOUGHT: dict[str, Any] = {"enable_thinking": False}  # Qwen3's; templates that do not know it leave it alone
OWN_TAGS = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")  # transformers': they mark what is trained on
MEND = "put another template into the model's folder, as chat_template.jinja"
SYSTEM, ASKED, SAID = (f"{word} of a probe" for word in ("System text", "Question", "Answer"))


@dataclass(frozen=True)
class ChatTemplate:
    source: str
    special: Mapping[str, str]  # tokens by their names, such as bos_token

    @classmethod
    def of(cls, model: Path) -> "ChatTemplate":
        """Raises ValueError where the folder has no chat template."""
        config = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
        special = {name: value for name, value in config.items() if name.endswith("_token")}
        texts = {name: one["content"] if isinstance(one, dict) else one for name, one in special.items()}
        file, found = model / "chat_template.jinja", config.get("chat_template")
        if file.is_file():
            found = file.read_text(encoding="utf-8")
        by_name = {one["name"]: one["template"] for one in found} if isinstance(found, list) else {"default": found}
        if not isinstance(by_name.get("default"), str):
            raise ValueError(f"model {model}: no chat template; LANCE needs an instruct model that has one")
        return cls(by_name["default"], {name: text for name, text in texts.items() if isinstance(text, str)})

    @cached_property
    def _compiled(self) -> jinja2.Template:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = lambda value, **how: json.dumps(value, ensure_ascii=False, **how)
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = TODAY.strftime
        return environment.from_string(OWN_TAGS.sub("", self.source))

    def text(self, messages: Messages, closed: bool) -> str:
        """With the generation prompt; or with its last answer, `closed` or to be continued.

        Raises jinja2.TemplateError where the template refuses the chat or cannot be read here.
        """
        if messages[-1]["role"] != "assistant":
            return self._render(messages, True)
        if closed:
            return self._render(messages, False)
        last = {**messages[-1], "content": messages[-1]["content"] + CUT}
        return self._render((*messages[:-1], last), False).rpartition(CUT)[0]

    def _render(self, messages: Messages, prompt: bool) -> str:
        given = {"messages": list(messages), "add_generation_prompt": prompt, "tools": None, "documents": None}
        try:
            return self._compiled.render(**given, **NO_THOUGHT, **self.special)
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:  # of a template's own expressions
            raise jinja2.TemplateError(f"{type(error).__name__}: {error}") from error

    @cached_property
    def takes_system(self) -> bool:
        try:
            return SYSTEM in self.text(chat(ASKED, SAID, system=SYSTEM), True)
        except jinja2.TemplateError:
            return False

    def fitted(self, messages: Sequence[Mapping[str, str]]) -> Messages:
        """As the template takes them: without a role for it, the system text goes before the first user's turn."""
        system = "\n\n".join(one["content"] for one in messages if one["role"] == "system")
        if self.takes_system or not system:
            return tuple(map(dict, messages))
        first, *rest = (dict(one) for one in messages if one["role"] != "system")
        return ({**first, "content": f"{system}\n\n{first['content']}"}, *rest)

    def problems(self) -> Iterator[str]:
        """Why chats cannot be written or measured with it."""
        asked, answered = (self.fitted(chat(ASKED, said, history=("Hi.", "Hello."))) for said in (None, SAID))
        try:
            prompt, whole, open_ = self.text(asked, False), self.text(answered, True), self.text(answered, False)
        except jinja2.TemplateError as error:
            yield f"its chat template refuses a chat of user and assistant ({error}); {MEND}"
            return
        if ASKED not in prompt or SAID not in whole:
            yield f"its chat template leaves out what is said; {MEND}"
        elif not whole.startswith(prompt):
            why = "it opens a thought there" if "<think>" in prompt else "it may add a thought, or leave out blanks"
            yield (
                f"its chat template writes another prompt once there is an answer ({why}), so that an answer's "
                f"likelihood is undefined; {MEND}"
            )
        elif len(whole) <= len(open_):
            yield f"its chat template does not say where an answer ends; {MEND}"


def _refuse(reason: str) -> None:
    raise jinja2.TemplateError(reason)
