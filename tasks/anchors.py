"""Anchors: pairs whose quality is known because they were made so. They calibrate a reviewer and keep watch on it.

Human ones are corrupted seeds. Own ones are texts of the reviewer itself, since likelihood flatters those: an answer to
the instruction and the same answer to another one, flaws on request, right and wrong answers to checkable questions.
The seeds they are made from are set aside for this and train nothing.
"""

from collections.abc import Sequence
from typing import Literal

from tasks import flaws
from tasks.calls import Answer, Call, chat, sampling_seed
from tasks.checkable import Question, questions
from tasks.corrupt import BREAKS, INSTRUCTION, RESPONSE, UNKNOWN, corrupted
from tasks.graded import Anchor
from tasks.records import History, Seed

VERSION = 1
ABLE = ("complete", "correct", "well_put", "expert")  # what a model's ordinary answer may or may not fulfil


def human(seeds: Sequence[Seed], draws: int) -> list[Anchor]:
    """Each seed as it is, and `draws` of each corruption that applies to it."""
    responses, instructions = [s.response for s in seeds], [s.instruction for s in seeds]
    found = []
    for seed in seeds:
        found.append(_anchor(seed, seed.instruction, seed.response, "human", "good"))
        for draw in range(draws):
            key = f"{seed.id}/{draw}"
            for kind, text in corrupted(seed.response, responses, key, RESPONSE).items():
                found.append(_anchor(seed, seed.instruction, text, "human", kind))
            for kind, text in corrupted(seed.instruction, instructions, key, INSTRUCTION).items():
                unknown = UNKNOWN.get(kind, ())
                found.append(_anchor(seed, text, seed.response, "human", kind, unknown=unknown))
    return _unique(found)


class OwnTexts:
    """What the reviewer is asked to write for anchors, and the anchors made of it."""

    def __init__(self, seeds: Sequence[Seed], max_new_tokens: int, sampling: int):
        self.seeds, self.max_new_tokens, self.sampling = seeds, max_new_tokens, sampling
        self.questions = questions(len(seeds), "anchors")

    def calls(self) -> list[Call]:
        answers = [self._call(seed.instruction, f"{seed.id}/answer", seed.history) for seed in self.seeds]
        flawed = [
            self._call(flaws.request(seed.instruction, flaws.in_turn(i)), f"{seed.id}/flawed", seed.history)
            for i, seed in enumerate(self.seeds)
        ]
        return (
            answers + flawed + [self._call(question.text, f"question/{question.text}") for question in self.questions]
        )

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
            found.append(_own(seed, own[i], "own answer", unknown=ABLE))
            if answers[i].finish == "length":
                found.append(_own(seed, answers[i].text.strip(), "own cut off", breaks=BREAKS["truncated"]))
            if other != own[i]:
                found.append(_own(seed, other, "own mismatched", breaks=BREAKS["mismatched"], unknown=("well_put",)))
            flaw = flaws.in_turn(i)
            # Watched, not learned from: a small model asked for a flaw often writes what it would write anyway.
            # Learned from, such texts cost an AUC of 0.11 on mismatched responses.
            found.append(_own(seed, flawed[i], f"own {flaw}", flaws.FLAWS[flaw].breaks, unknown=("relevant", *ABLE)))
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
            top_p=0.9,
            seed=seed,
        )


def _anchor(
    of: Seed | Question,
    instruction: str,
    response: str,
    source: Literal["human", "own"],
    kind: str,
    breaks: tuple[str, ...] | None = None,
    unknown: tuple[str, ...] = (),
) -> Anchor:
    return Anchor(
        seed=of.id if isinstance(of, Seed) else f"question/{of.text}",
        history=of.history if isinstance(of, Seed) else (),
        instruction=instruction,
        response=response,
        source=source,
        corruption=kind,
        breaks=BREAKS[kind] if breaks is None else breaks,
        unknown=unknown,
    )


def _own(seed: Seed, text: str, kind: str, breaks: tuple[str, ...] = (), unknown: tuple[str, ...] = ()) -> Anchor:
    return _anchor(seed, seed.instruction, text, "own", kind, breaks, unknown)


def _checked(question: Question, text: str) -> Anchor | None:
    right = question.check(text)
    if right is None or not text:
        return None
    kind = "own right answer" if right else "own wrong answer"
    return _anchor(question, question.text, text, "own", kind, () if right else ("correct", "expert"))


def _unique(anchors: Sequence[Anchor]) -> list[Anchor]:
    """A text that came out twice stands once, as what it was first: two draws can cut at the same place."""
    found: dict[tuple[str, ...], Anchor] = {}
    for anchor in anchors:
        found.setdefault((*anchor.history, anchor.instruction, anchor.response), anchor)
    return list(found.values())
