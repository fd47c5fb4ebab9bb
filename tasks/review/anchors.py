"""Anchors: pairs whose quality is known because they were made so. They calibrate a reviewer and keep watch on it.

Human ones are corrupted seeds. Own ones are texts of the reviewer itself, since likelihood flatters those: an answer to
the instruction and the same answer to another one, flaws on request, right and wrong answers to questions that a
rule can check.
The seeds they are made from are set aside for this and train nothing.
"""

from collections.abc import Sequence
from typing import Literal, get_args

from tasks.engines.calls import Answer, Call, chat
from tasks.recipe.review import AnchorsConfig
from tasks.recipe.verification import Family
from tasks.review.faults import COMES_OUT_AS, GOOD
from tasks.store.reviews import Anchor
from tasks.store.rows import History, Seed, sampling_seed
from tasks.store.verified import Question
from tasks.text import flaws
from tasks.text.corruption import INSTRUCTION, RESPONSE, corrupted
from tasks.verify.checks.base import verify
from tasks.verify.questions import computed

VERSION = 3  # 3: computed questions
MIN_SEEDS = 4  # to calibrate with


def human(seeds: Sequence[Seed], draws: int) -> list[Anchor]:
    """Each seed as it is, and `draws` of each corruption that applies to it."""
    responses, instructions = [s.response for s in seeds], [s.instruction for s in seeds]
    found = []
    for seed in seeds:
        found.append(_anchor(seed, seed.instruction, seed.response, "human", GOOD, GOOD))
        for draw in range(draws):
            key = f"{seed.id}/{draw}"
            for kind, text in corrupted(seed.response, responses, key, RESPONSE).items():
                found.append(_anchor(seed, seed.instruction, text, "human", kind, kind))
            for kind, text in corrupted(seed.instruction, instructions, key, INSTRUCTION).items():
                found.append(_anchor(seed, text, seed.response, "human", kind, COMES_OUT_AS.get(kind, kind)))
    return _unique(found)


class OwnTexts:
    """What the reviewer is asked to write for anchors, and the anchors made of it."""

    def __init__(self, seeds: Sequence[Seed], config: AnchorsConfig, sampling: int, min_p: float = 0):
        self.seeds, self.max_new_tokens, self.sampling, self.min_p = seeds, config.max_new_tokens, sampling, min_p
        families: list[Family] = list(get_args(Family))
        counts = {family: len(range(i, config.questions, len(families))) for i, family in enumerate(families)}
        self.questions = [one for family, count in counts.items() for one in _questions(family, count)]

    def calls(self) -> list[Call]:
        answers = [self._call(seed.instruction, f"{seed.id}/answer", seed.history) for seed in self.seeds]
        flawed = [
            self._call(flaws.request(seed.instruction, flaws.in_turn(i)), f"{seed.id}/flawed", seed.history)
            for i, seed in enumerate(self.seeds)
        ]
        return answers + flawed + [self._call(one.instruction, f"question/{one.instruction}") for one in self.questions]

    def anchors(self, answers: Sequence[Answer]) -> list[Anchor]:
        """From the answers in the order of the calls. An answer that the token limit cut off is a truncated one."""
        if not answers:
            return []
        texts = [answer.text.strip() if answer.finish == "stop" else "" for answer in answers]
        count = len(self.seeds)
        own, flawed, checked = texts[:count], texts[count : 2 * count], texts[2 * count :]
        found = []
        for i, seed in enumerate(self.seeds):
            other = own[(i + 1) % count]
            # Nobody knows how good an ordinary answer is. Taken for good, own text scored 0.5 of 10 above the seeds
            # and score went down with length (Spearman -0.36); without, 0.2 below them, and -0.14.
            found.append(_own(seed, own[i], "own answer"))
            if answers[i].finish == "length":
                found.append(_own(seed, answers[i].text.strip(), "own cut off", "truncated"))
            if other != own[i]:
                found.append(_own(seed, other, "own mismatched", "mismatched"))
            # A small model asked for a flaw often writes what it would write anyway; learned from, such texts cost an
            # AUC of 0.11 on mismatched responses.
            found.append(_own(seed, flawed[i], f"own {flaws.in_turn(i)}"))
        found += [a for q, text in zip(self.questions, checked, strict=True) if (a := _checked(q, text))]
        return _unique([anchor for anchor in found if anchor.response])

    def _call(self, instruction: str, row: str, history: History = ()) -> Call:
        seed = sampling_seed(self.sampling, "anchors", row)
        return Call(
            kind="write",
            row=row,
            messages=chat(instruction, history=history),
            max_new_tokens=self.max_new_tokens,
            temperature=0.7,
            top_p=1.0 if self.min_p else 0.9,
            min_p=self.min_p,
            seed=seed,
        )


def _anchor(
    of: Seed | Question,
    instruction: str,
    response: str,
    source: Literal["human", "own"],
    kind: str,
    state: str,
) -> Anchor:
    return Anchor(
        seed=of.id if isinstance(of, Seed) else f"question/{of.instruction}",
        history=of.history if isinstance(of, Seed) else (),
        instruction=instruction,
        response=response,
        source=source,
        corruption=kind,
        state=state,
        parents=(of.id,) if isinstance(of, Seed) else (),
    )


def _own(seed: Seed, text: str, kind: str, state: str = "") -> Anchor:
    return _anchor(seed, seed.instruction, text, "own", kind, state)


def _questions(family: Family, count: int) -> list[Question]:
    return computed.made(family, count, 1, "anchor", ("anchors", family))


def _checked(question: Question, text: str) -> Anchor | None:
    (asked,) = question.checks
    outcome = verify(asked.check, text, asked.given).outcome
    if outcome == "cannot tell" or not text:
        return None
    kind, state = ("own right answer", GOOD) if outcome == "pass" else ("own wrong answer", "contradicted")
    return _anchor(question, question.instruction, text, "own", kind, state)


def _unique(anchors: Sequence[Anchor]) -> list[Anchor]:
    """A text that came out twice is kept once, as what it was first: two draws can cut at the same place."""
    found: dict[tuple[str, ...], Anchor] = {}
    for anchor in anchors:
        found.setdefault((*anchor.history, anchor.instruction, anchor.response), anchor)
    return list(found.values())
