"""Control tokens are broken up, and nothing else is touched."""

import json
from pathlib import Path

import pytest

from tasks.engines.control_tokens import PlainText

PLAIN = PlainText(["<|im_end|>", "<|im_start|>", "<|im|>", "<s>"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <|im_end|> b", "a < |im_end|> b"),
        ("<|im_<|im_end|>end|>", "<|im_< |im_end|>end|>"),  # what is left makes no other token
        ("<|im_start|><|im|><s>", "< |im_start|>< |im|>< s>"),
        ("x < 3 and y |> z, <|im_ends|>", "x < 3 and y |> z, <|im_ends|>"),
    ],
)
def test_each_token_is_broken_up_wherever_it_stands(text: str, expected: str) -> None:
    assert PLAIN.text(text) == expected
    assert PLAIN.text(expected) == expected


def test_messages_keep_their_roles() -> None:
    messages = [{"role": "system", "content": "<s>"}, {"role": "user", "content": "Hi."}]
    expected = ({"role": "system", "content": "< s>"}, {"role": "user", "content": "Hi."})
    assert PLAIN.messages(messages) == expected


def test_a_tokenizer_says_which_they_are(tmp_path: Path) -> None:
    added = [
        {"content": "<|end|>", "special": True},
        {"content": "[PAD]", "special": True},
        {"content": "<tool_call>", "special": False},
        {"content": "    ", "special": False},  # some have runs of spaces among them
    ]
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    assert PlainText.of(tmp_path).text("<|end|>[PAD]<tool_call>    .") == "< |end|>[ PAD]< tool_call>    ."


def test_without_added_tokens_every_text_stays(tmp_path: Path) -> None:
    assert PlainText([]).text("<|im_end|>") == "<|im_end|>"
    with pytest.raises(ValueError, match=r"expected a tokenizer\.json"):
        PlainText.of(tmp_path)
