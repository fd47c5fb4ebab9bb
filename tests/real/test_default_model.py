"""The default model: safetensors, and a tokenizer that splits as SmolLM2's rule says."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.engines.models import check_folder
from tasks.engines.processes.platform import model_python

LIST = "1. Wash 12 apples\n2. Cut them\n\n10. Serve at 19:40"
TABLE = "| item | price |\n|---|---|\n| tea  | 3.50 |\n| milk | 12 |"
CODE = "def f(x):\n    return x + 10\n"
TOKENIZE = """
import json, sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
texts = json.load(sys.stdin)
ids = [tokenizer(text, add_special_tokens=False).input_ids for text in texts]
print(json.dumps({
    "tokens": [[tokenizer.decode([i]) for i in one] for one in ids],
    "back": [tokenizer.decode(one) for one in ids],
    "max": tokenizer.model_max_length, "eos": tokenizer.eos_token_id, "pad": tokenizer.pad_token_id,
}))
"""


@pytest.fixture(scope="module")
def tokenized(default_model: Path) -> dict[str, Any]:
    texts = json.dumps([LIST, TABLE, CODE])
    command = [str(model_python()), "-c", TOKENIZE, str(default_model)]
    done = subprocess.run(command, input=texts, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_text_survives_the_round_trip(tokenized: dict[str, Any]) -> None:
    assert tokenized["back"] == [LIST, TABLE, CODE]


def test_each_digit_is_a_token_and_white_space_before_it_another(tokenized: dict[str, Any]) -> None:
    # The rule: digits are split off one by one before anything else, so that a blank before one stands alone. With the
    # GGUF's unmapped pre-tokenizer the model would see other tokens than it was trained on, in every numbered list.
    for tokens in tokenized["tokens"]:
        assert [token for token in tokens if any(c.isdigit() for c in token) and len(token) > 1] == []
    numbered, table, _ = tokenized["tokens"]
    assert numbered[:4] == ["1", ".", " Wash", " "]
    assert numbered[4:7] == ["1", "2", " apples"]
    at = table.index("3")
    assert table[at - 1 : at + 4] == [" ", "3", ".", "5", "0"]


def test_the_end_of_a_turn_is_the_end(tokenized: dict[str, Any]) -> None:
    assert (tokenized["max"], tokenized["eos"], tokenized["pad"]) == (8192, 2, 2)


def test_it_is_a_model_that_the_loader_takes(default_model: Path) -> None:
    check_folder(default_model)
    assert sum(file.stat().st_size for file in default_model.glob("*.safetensors")) > 500e6


def test_a_pad_token_that_the_embedding_does_not_have_is_named(default_model: Path, tmp_path: Path) -> None:
    """As one that was added to the tokenizer alone: a training would end at its first batch."""
    for file in default_model.iterdir():
        (tmp_path / file.name).symlink_to(file)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config | {"vocab_size": 2}))
    with pytest.raises(ValueError, match="is number 2, and its embedding has 2 rows"):
        check_folder(tmp_path)
