"""Chat templates as models have them: what each takes, and which cannot be used."""

import json
from pathlib import Path

import jinja2
import pytest

from tasks.engines.calls import chat
from tasks.engines.tokenizing.template import ChatTemplate

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# As Gemma's: no role for a system text.
NO_SYSTEM = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
# As Qwen3's: an empty thought in the prompt where none is wanted, and before the last answer.
THINKS_IF_ASKED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
# As DeepSeek's distilled ones: a thought is opened in the prompt, and left out of what was said.
ALWAYS_THINKS = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content.split('</think>')[-1] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
DATED = "Today is {{ strftime_now('%Y-%m-%d') }}.\n" + CHATML  # as Mistral's
FOR_TRAINING = CHATML.replace("{{ m.content }}", "{%- generation -%}{{ m.content }}{%- endgeneration -%}")


def of(source: str) -> ChatTemplate:
    return ChatTemplate(source, {"bos_token": "<bos>"})


@pytest.mark.parametrize("source", [CHATML, NO_SYSTEM, THINKS_IF_ASKED, DATED, FOR_TRAINING])
def test_these_can_be_used(source: str) -> None:
    template = of(source)
    assert [*template.problems()] == []
    asked, answered = template.fitted(chat("Why?")), template.fitted(chat("Why?", "So."))
    prompt, whole, open_ = (template.text(asked, False), template.text(answered, True), template.text(answered, False))
    assert whole.startswith(prompt) and whole.startswith(open_) and open_ == prompt + "So."
    assert "You are a helpful assistant." in prompt


def test_without_a_role_for_it_the_system_text_goes_before_the_first_question() -> None:
    assert of(CHATML).takes_system and not of(NO_SYSTEM).takes_system
    messages = chat("And?", history=("Why?", "So."), system="Be brief.")
    assert of(CHATML).fitted(messages) == messages
    first, *rest = of(NO_SYSTEM).fitted(messages)
    assert first == {"role": "user", "content": "Be brief.\n\nWhy?"}
    assert tuple(rest) == messages[2:]
    assert of(NO_SYSTEM).fitted(messages[1:]) == messages[1:]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (ALWAYS_THINKS, r"writes another prompt once there is an answer \(it opens a thought there\)"),
        ("{{ messages }}x", "does not say where|another prompt"),
        ("Hello.", "leaves out what is said"),
        (CHATML.replace("<|im_end|>\n", ""), "does not say where an answer ends"),
        ("{{ raise_exception('No.') }}", r"refuses a chat of user and assistant \(No.\)"),
        ("{% for m in messages %}{{ m.content + 1 }}{% endfor %}", r"refuses a chat .*\(TypeError"),
        ("{% for m in messages %}", "refuses a chat"),
        ("{{ messages[0].content.__class__.__mro__ }}", "refuses a chat|leaves out"),
    ],
)
def test_these_cannot_and_are_told_why(source: str, says: str) -> None:
    (problem,) = of(source).problems()
    with pytest.raises(ValueError, match=says):
        raise ValueError(problem)


def test_it_is_read_from_either_file_and_from_a_list_of_them(tmp_path: Path) -> None:
    config = tmp_path / "tokenizer_config.json"
    config.write_text("{}")
    with pytest.raises(ValueError, match="no chat template"):
        ChatTemplate.of(tmp_path)
    named = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": CHATML}]
    config.write_text(json.dumps({"chat_template": named, "bos_token": {"content": "<s>"}, "eos_token": "</s>"}))
    found = ChatTemplate.of(tmp_path)
    assert (found.source, found.special) == (CHATML, {"bos_token": "<s>", "eos_token": "</s>"})
    (tmp_path / "chat_template.jinja").write_text(NO_SYSTEM)
    assert ChatTemplate.of(tmp_path).source == NO_SYSTEM


def test_what_a_template_does_is_confined() -> None:
    with pytest.raises(jinja2.TemplateError):
        of("{{ ''.__class__.__base__.__subclasses__() }}").text(chat("Why?"), False)
