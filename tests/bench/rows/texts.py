"""Real texts in any number: sentences of public data, put together anew, with near copies and items planted."""

import json
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

FILES = {
    "gsm8k_test.jsonl": ("question", "answer"),
    "self_instruct_seed_tasks.jsonl": ("instruction",),
}
COPIES, LEAKS = 10, 500  # every tenth instruction is a near copy, every five hundredth holds an item


@cache
def sentences(folder: Path) -> list[str]:
    """Of 4 to 40 words."""
    found: set[str] = set()
    for name, columns in FILES.items():
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            texts = [row[column] for column in columns]
            texts += [text for one in row.get("instances", []) for text in (one["input"], one["output"])]
            found |= {part.strip() for text in texts for part in re.split(r"(?<=[.!?])\s+|\n+", text)}
    return sorted(text for text in found if 4 <= len(text.split()) <= 40)


def put_together(folder: Path, dice: random.Random, at_most: int = 6) -> str:
    return " ".join(dice.choices(sentences(folder), k=dice.randint(2, at_most)))


def changed(text: str, share: float, dice: random.Random, folder: Path) -> str:
    """That share of its words, each put out by a word of another text."""
    others = dice.choice(sentences(folder)).split()
    return " ".join(dice.choice(others) if dice.random() < share else word for word in text.split())


class Text(NamedTuple):
    text: str
    kind: Literal["new", "copy", "item"]
    source: str  # of a copy: what it was made of, which is no copy itself


def instructions(count: int, folder: Path, items: list[str], seed: int) -> Iterator[Text]:
    dice, before = random.Random(seed), list[str]()
    for number in range(count):
        text = put_together(folder, dice)
        if number % COPIES == COPIES - 1:
            source = dice.choice(before)
            yield Text(changed(source, dice.uniform(0, 0.25), dice, folder), "copy", source)
        elif number % LEAKS == LEAKS // 2:
            yield Text(f"{text} {dice.choice(items)}", "item", "")
        else:
            before.append(text)
            yield Text(text, "new", "")
