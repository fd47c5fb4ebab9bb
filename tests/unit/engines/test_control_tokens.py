"""Control tokens in data are read as the text that they are, and nothing else is touched."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from tasks.engines.tokenizing.control_tokens import CLOSE, OPEN, PlainText

CONTROL = ["<|im_end|>", "<|im_start|>", "<|im|>", "<s>"]
TEXTS = [
    "a <|im_end|> b",
    "<|im_<|im_end|>end|>",
    "<|im_start|><|im|><s>",
    "x < 3 and y |> z, <|im_ends|>",
    f"mine {OPEN}0{CLOSE} {OPEN}",
    "<s>",
    "",
]


def tokenizer(**model: Any) -> Tokenizer:
    """Of bytes, with control tokens as they are added to real ones."""
    found = Tokenizer(models.BPE(**model))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    letters = trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    found.train_from_iterator(["the cat <s> sat"], letters)
    found.add_special_tokens([AddedToken(one) for one in CONTROL])
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def read(model: Path, text: str) -> tuple[list[int], str]:
    """The ids of a text, and what they say."""
    plain, whole = PlainText.of(model), Tokenizer.from_file(str(model / "tokenizer.json"))
    marked = plain.text(text)
    assert not [token for token in CONTROL if token in marked]
    ids = plain.ids(marked, lambda part: whole.encode(part, add_special_tokens=False).ids)
    return ids, whole.decode(ids, skip_special_tokens=False)


@pytest.mark.parametrize("text", TEXTS)
def test_the_same_text_of_ordinary_tokens(model: Path, text: str) -> None:
    whole = Tokenizer.from_file(str(model / "tokenizer.json"))
    ids, said = read(model, text)
    assert said == text
    assert not {whole.token_to_id(one) for one in CONTROL} & {*ids}
    assert PlainText.of(model).holds([text]) == any(one in text for one in (*CONTROL, OPEN, CLOSE))


@given(st.lists(st.sampled_from([*CONTROL, OPEN, CLOSE, "0", "<|", "im", "|>", " ", "\n", "cat", "é"])).map("".join))
def test_so_is_any_other(model: Path, text: str) -> None:
    assert read(model, text)[1] == text


def test_control_tokens_of_the_template_stay_what_they_are(model: Path) -> None:
    plain, whole = PlainText.of(model), Tokenizer.from_file(str(model / "tokenizer.json"))
    rendered = f"<|im_start|>{plain.text('a<|im_end|>')}<|im_end|>"
    ids = plain.ids(rendered, lambda part: whole.encode(part, add_special_tokens=False).ids)
    assert [ids[0], ids[-1]] == [whole.token_to_id(one) for one in ("<|im_start|>", "<|im_end|>")]
    assert ids.count(ids[-1]) == 1


def test_messages_keep_their_roles(model: Path) -> None:
    found = PlainText.of(model).messages([{"role": "system", "content": "<s>"}, {"role": "user", "content": "Hi."}])
    assert [one["role"] for one in found] == ["system", "user"]
    assert (found[0]["content"], found[1]["content"]) == (f"{OPEN}3{CLOSE}", "Hi.")


def test_a_tokenizer_that_puts_a_blank_before_each_part_has_them_broken_up(model: Path, tmp_path: Path) -> None:
    told = json.loads((model / "tokenizer.json").read_text())
    told["pre_tokenizer"] = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    told["model"]["vocab"] |= {"\u2581": 9000, "<": 9001}
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    plain = PlainText.of(tmp_path)
    assert not plain.exact
    assert plain.text("a <s> b") == plain.broken_up("a <s> b") == "a < s> b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<|im_<|im_end|>end|>", "<|im_< |im_end|>end|>"),  # what is left makes no other token
        ("<|im_start|><|im|><s>", "< |im_start|>< |im|>< s>"),
    ],
)
def test_broken_up_none_is_left(text: str, expected: str) -> None:
    assert PlainText(tuple(CONTROL)).broken_up(text) == expected


def test_a_tokenizer_says_which_they_are(model: Path, tmp_path: Path) -> None:
    told = json.loads((model / "tokenizer.json").read_text())
    one = told["added_tokens"][0]
    more = [("[PAD]", True), ("<tool_call>", False), ("    ", False)]  # some have runs of spaces among them
    told["added_tokens"] += [one | {"id": 500 + n, "content": c, "special": s} for n, (c, s) in enumerate(more)]
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    assert set(PlainText.of(tmp_path).tokens) == {*CONTROL, "[PAD]", "<tool_call>"}


def test_of_a_tokenizer_that_is_none_without_them_they_are_broken_up(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": [{"content": "<s>", "special": True}]}))
    assert PlainText.of(tmp_path).text("a <s> b") == "a < s> b"


def test_without_a_tokenizer_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a tokenizer\.json"):
        PlainText.of(tmp_path)
