"""Anchors: known grades, of both sources, and each text once."""

from collections import Counter
from typing import get_args

from tasks.recipe.review import AnchorsConfig
from tasks.recipe.verification import Family
from tasks.review.anchors import OwnTexts, human
from tasks.review.faults import BREAKS
from tasks.store.reviews import Anchor
from tasks.store.verified import Question
from tasks.text.flaws import FLAWS
from tests.support.rows import answer, seed

SEEDS = [
    seed(
        f"Say in two sentences what lake {n} is known for.", f"Lake {n} is deep. It has {n} islands and no fish at all."
    )
    for n in range(10, 16)
]

CONFIG = AnchorsConfig(questions=12)


def own(texts: list[str], finish: str = "stop") -> list[Anchor]:
    """Anchors of the reviewer's own texts, `texts` in turn for its calls."""
    it = OwnTexts(SEEDS, CONFIG, 1)
    return it.anchors([answer(c, texts[i % len(texts)], finish=finish) for i, c in enumerate(it.calls())])


def test_each_seed_stands_as_it_is_and_corrupted_in_each_way() -> None:
    found = human(SEEDS, draws=1)
    counts = Counter(a.corruption for a in found)
    # One seed's instruction with another's response can come out as either, and stands once.
    assert counts.pop("mismatched") + counts.pop("off_topic") >= len(SEEDS)
    assert counts == dict.fromkeys(set(BREAKS) - {"mismatched"}, len(SEEDS))
    for anchor in found:
        (of,) = (s for s in SEEDS if s.id == anchor.seed)
        state = "mismatched" if anchor.corruption == "off_topic" else anchor.corruption
        assert (anchor.state, anchor.source) == (state, "human")
        kept = (anchor.instruction == of.instruction, anchor.response == of.response)
        assert kept == (
            anchor.corruption not in ("off_topic", "vague", "garbled"),
            anchor.corruption in ("good", "off_topic", "vague", "garbled"),
        )


def test_more_draws_are_more_texts_and_none_stands_twice() -> None:
    found = human(SEEDS, draws=4)
    assert len({(a.instruction, a.response) for a in found}) == len(found)
    assert Counter(a.corruption for a in found)["good"] == len(SEEDS)
    assert Counter(a.corruption for a in found)["shuffled"] > 3 * len(SEEDS)


def test_own_texts_are_an_answer_the_same_to_another_instruction_and_flaws() -> None:
    found = own([f"It is known for thing {n}." for n in range(2 * len(SEEDS) + CONFIG.questions)])
    kinds = Counter(a.corruption for a in found)
    assert kinds["own answer"] == kinds["own mismatched"] == len(SEEDS)
    flawed = [a.corruption for a in found if a.corruption.removeprefix("own ") in FLAWS]
    assert flawed[:4] == [f"own {flaw}" for flaw in FLAWS]
    assert {a.source for a in found} == {"own"}
    known = {a.corruption: a.state for a in found if a.state}
    assert known == {"own mismatched": "mismatched", "own wrong answer": "contradicted"}
    answers = {a.instruction: a.response for a in found if a.corruption == "own answer"}
    assert all(answers[a.instruction] != a.response for a in found if a.corruption == "own mismatched")


def test_a_flaw_that_came_out_as_the_ordinary_answer_is_none() -> None:
    found = own([f"It is known for thing {n}." for n in range(len(SEEDS))])
    assert Counter(a.corruption for a in found)["own answer"] == len(SEEDS)
    assert not [a for a in found if a.corruption in ("own misleading", "own badly put", "own incomplete")]


def test_a_checkable_answer_is_right_or_wrong() -> None:
    it = OwnTexts(SEEDS, CONFIG, 1)
    assert Counter(question.about for question in it.questions) == dict.fromkeys(get_args(Family), 2)

    def said(i: int, question: Question) -> str:
        given = question.checks[0].given
        right = ", ".join(given["answers"]) if "answers" in given else given["answer"]
        wrong = next((name for name in given.get("names", []) if name != right), "5000")
        return f"It is {right}." if i % 2 else f"It is {wrong}."

    texts = ["x"] * (2 * len(SEEDS)) + [said(i, question) for i, question in enumerate(it.questions)]
    found = it.anchors([answer(c, t) for c, t in zip(it.calls(), texts, strict=True)])
    checked = {a.instruction: a for a in found if a.seed.startswith("question/")}
    for i, question in enumerate(it.questions):
        anchor = checked[question.instruction]
        assert (anchor.corruption, anchor.state) == (
            ("own right answer", "good") if i % 2 else ("own wrong answer", "contradicted")
        )


def test_an_answer_that_was_cut_off_is_a_truncated_one_and_nothing_else() -> None:
    found = own([f"It is known for thing {n} and" for n in range(len(SEEDS))], finish="length")
    assert {a.corruption for a in found} == {"own cut off"}
    assert {a.state for a in found} == {"truncated"}


def test_the_calls_are_the_same_each_time() -> None:
    calls = OwnTexts(SEEDS, CONFIG, 1).calls()
    assert calls == OwnTexts(SEEDS, CONFIG, 1).calls() != OwnTexts(SEEDS, CONFIG, 2).calls()
    assert len({call.row for call in calls}) == len(calls)
