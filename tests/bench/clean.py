"""How well near duplicates and contamination are found, on a set made with known answers.

    make bench-clean [ARGS="--data FOLDER"]

Texts are real ones (grade-school problems with their solutions, seed tasks, the shipped seeds; without the data folder
the shipped seeds alone). Near duplicates: edited copies, by kind of edit, against as many texts that are new, half of
them on purpose sharing their first half with a known one. Contamination: texts that hold a measured item, by kind,
against texts that share 4 to 9 words in a row with one. What the rules say of each is held against what was done.
The last line is JSON: recall and precision of both.
"""

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tasks.clean.contamination import Contamination
from tasks.clean.near_duplicate import NearDuplicates
from tasks.clean.signatures import Signed
from tasks.recipe.data import CleanConfig
from tasks.store.home import ROOT
from tasks.store.rows import Seed
from tasks.text.words import words

Edit = Callable[[str, random.Random, Sequence[str]], str]
MIN_WORDS = 20


def replaced(share: float) -> Edit:
    """That share of the words, each put out by a word of other texts."""

    def edit(text: str, random: random.Random, others: Sequence[str]) -> str:
        found = text.split()
        for i in random.sample(range(len(found)), round(share * len(found))):
            found[i] = random.choice(random.choice(others).split())
        return " ".join(found)

    return edit


def signs_and_case(text: str, _: random.Random, __: Sequence[str]) -> str:
    return re.sub(r"[.,]", "", text).upper() + " !"


def one_sentence_less(text: str, random: random.Random, _: Sequence[str]) -> str:
    found = re.split(r"(?<=[.!?])\s+", text)
    longest = max(range(len(found)), key=lambda i: len(found[i]))
    fewest = [i for i in range(len(found)) if i != longest]
    if fewest:
        found.pop(random.choice(fewest))
    return " ".join(found)


def other_numbers(text: str, random: random.Random, _: Sequence[str]) -> str:
    return re.sub(r"\d+", lambda _: str(random.randint(2, 99)), text)


def sentence_more(text: str, random: random.Random, others: Sequence[str]) -> str:
    return f"{text} {' '.join(random.choice(others).split()[:8])}."


def swapped(text: str, random: random.Random, _: Sequence[str]) -> str:
    found = text.split()
    for i in random.sample(range(len(found) - 1), len(found) // 12):
        found[i], found[i + 1] = found[i + 1], found[i]
    return " ".join(found)


EDITS: dict[str, Edit] = {
    "signs and case": signs_and_case,
    "a tenth of the words": replaced(0.1),
    "a fifth of the words": replaced(0.2),
    "one sentence less": one_sentence_less,
    "other numbers": other_numbers,
    "a sentence more": sentence_more,
    "neighbours swapped": swapped,
}


def texts(folder: Path) -> list[tuple[str, str]]:
    """Instructions with their responses, MIN_WORDS words or more together, no two alike."""
    rows = [json.loads(line) for line in (ROOT / "deployments/seeds/everyday.jsonl").read_text().splitlines()]
    found = [(row["prompt"], row["response"]) for row in rows]
    if folder.is_dir():
        read = [json.loads(line) for line in (folder / "gsm8k_test.jsonl").read_text().splitlines()]
        found += [(row["question"], row["answer"]) for row in read]
        read = [json.loads(line) for line in (folder / "self_instruct_seed_tasks.jsonl").read_text().splitlines()]
        found += [(row["instruction"], row["instances"][0]["output"]) for row in read]
    return [pair for pair in dict.fromkeys(found) if len(" ".join(pair).split()) >= MIN_WORDS]


def half_of(found: list[str], at_least: int) -> list[str]:
    return found[: max(at_least, len(found) // 2)]


class Counts:
    """Said by the rule against known, by kind of text."""

    def __init__(self) -> None:
        self.right, self.all, self.positive = Counter[str](), Counter[str](), set[str]()

    def add(self, kind: str, known: bool, said: bool) -> None:
        self.all[kind] += 1
        self.right[kind] += known == said
        if known:
            self.positive.add(kind)

    def figures(self) -> dict[str, float]:
        found = sum(self.right[kind] for kind in self.positive)
        wrongly = sum(self.all[kind] - self.right[kind] for kind in self.all if kind not in self.positive)
        recall = found / sum(self.all[kind] for kind in self.positive)
        return {"recall": round(recall, 4), "precision": round(found / (found + wrongly), 4)}

    def show(self, title: str) -> None:
        for kind, count in self.all.items():
            print(f"{title:16} {kind:28} {self.right[kind]:5} of {count:5} right ({self.right[kind] / count:.1%})")


def near_duplicates(pairs: list[tuple[str, str]], dice: random.Random) -> Counts:
    counts, known = Counts(), [" ".join(pair) for pair in pairs]
    half = len(known) // 2
    old, new = known[:half], known[half:]
    held = [(kind, True, edit(text, dice, new)) for text in old for kind, edit in EDITS.items()]
    for i, text in enumerate(new):
        for _ in range(len(EDITS) // 2):  # as many as there are copies
            start = dice.choice(old).split()
            mixed = " ".join(start[: len(start) // 2] + text.split()[len(text.split()) // 2 :])
            held.append(("half of a known one", False, mixed))
        held.append(("new", False, text))
        held.append(("new in other words", False, replaced(0.3)(text, dice, new)))
        held.append(("new and a known opening", False, f"{old[i % half][:60]} {text}"))
    started = time.monotonic()
    found = NearDuplicates(Signed.of([*old, *(text for _, _, text in held)]), 0.7, first=half, within=False)
    for i, (kind, is_one, _) in enumerate(held):
        counts.add(kind, is_one, found.find(half + i) is not None)
    print(f"{len(held)} texts held against {half} in {time.monotonic() - started:.1f} s")
    return counts


def contamination(pairs: list[tuple[str, str]], dice: random.Random) -> Counts:
    counts, half = Counts(), len(pairs) // 2
    items = [Seed(instruction=a, response=b, source=f"item {i}") for i, (a, b) in enumerate(pairs[:half])]
    others, held = pairs[half:], list[tuple[str, bool, Seed]]()
    filler = [a for a, _ in others]

    def hold(kind: str, is_one: bool, instruction: str, response: str) -> None:
        held.append((kind, is_one, Seed(instruction=instruction, response=response)))

    for i, item in enumerate(items):
        asked, given = others[i % len(others)]
        of_response = item.response.split()
        hold("the instruction", True, item.instruction, given)
        hold("signs and case", True, signs_and_case(item.instruction, dice, []), given)
        hold("within another text", True, f"{asked} {item.instruction} Think well.", given)
        hold("a word in twenty", True, replaced(0.05)(item.instruction, dice, filler), given)
        if len(words(item.response)) >= 12:  # "Rome." says nothing of where it is from
            hold("the response", True, asked, f"As they say: {item.response}")
            hold("half of the response", True, asked, " ".join(of_response[: max(12, len(of_response) // 2)]))
        few = " ".join(item.instruction.split()[: min(dice.randint(4, 9), len(item.instruction.split()) // 2)])
        hold("4 to 9 words in common", False, f"{few} {asked}", given)
        hold("half of its words", False, replaced(0.5)(item.instruction, dice, filler), given)
    for asked, given in others:
        hold("new", False, asked, given)
    started = time.monotonic()
    hits = Contamination(CleanConfig(), items).hits([row for _, _, row in held])
    for (kind, is_one, _), hit in zip(held, hits, strict=True):
        counts.add(kind, is_one, hit is not None)
    print(f"{len(held)} texts held against {half} items in {time.monotonic() - started:.1f} s")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    asked, dice = parser.parse_args(), random.Random(1)
    pairs = texts(asked.data)
    dice.shuffle(pairs)
    found = {"near_duplicates": near_duplicates(pairs, dice), "contamination": contamination(pairs, dice)}
    for title, counts in found.items():
        counts.show(title)
    print(json.dumps({title: counts.figures() for title, counts in found.items()}))


if __name__ == "__main__":
    main()
