"""Signals: what is asked, once for each text, and what is read from the answers."""

import math

import pytest

from tasks.engines.calls import Answer, Call
from tasks.recipe.review import SampledConfig, SignalsConfig
from tasks.review.constitution import load
from tasks.review.signals import contrast, likelihood, read, sampled
from tasks.review.signals import framing as asking
from tasks.review.signals.collect import Collector
from tasks.store.reviews import TOO_LONG
from tasks.store.rows import OVER_CONTEXT, Seed
from tests.support.rows import MODEL, answer, seed, written

ITEM = seed()
SAMPLED = SampledConfig(samples=3, retries=2)


def answered(calls: list[Call], *texts: str) -> dict[str, Answer]:
    return {call.key: answer(call, text) for call, text in zip(calls, texts, strict=False)}


def likelihoods(given: tuple[float, ...], neutral: tuple[float, ...], task: tuple[float, ...]) -> dict[str, float]:
    calls = likelihood.calls(ITEM)
    found = {c.key: answer(c, log_probs=p) for c, p in zip(calls, (given, neutral, task), strict=True)}
    return likelihood.values(ITEM, found)


def test_likelihoods_are_per_token_with_the_end_apart() -> None:
    found = likelihoods((-1.0, -3.0, -0.5), (-2.0, -6.0, -1.5), (-4.0, -0.25))
    assert (found["response_mean"], found["response_spread"], found["response_end"]) == (-2, 1, -0.5)
    assert found["response_gain"] == 2
    assert (found["instruction_mean"], found["instruction_spread"], found["instruction_end"]) == (-4, 0, -0.25)
    assert found["words"] == pytest.approx(math.log(len(ITEM.response.split()) + 1))


def test_what_is_said_twice_is_seen_in_the_text() -> None:
    once, twice = (
        seed(response="It is a lake in Russia."),
        seed(response="It is a lake in Russia. It is a lake in Russia."),
    )
    first, second = (
        likelihood.values(item, {c.key: answer(c, log_probs=(-1.0, -1.0)) for c in likelihood.calls(item)})
        for item in (once, twice)
    )
    assert (first["response_repeated"], first["response_longest_repeat"]) == (0, 0)
    assert second["response_repeated"] > 0.3
    assert second["response_longest_repeat"] == pytest.approx(6 / 13)


def test_pairs_that_share_a_text_ask_for_it_once() -> None:
    collector = Collector(SignalsConfig(use=("likelihood",)), MODEL, 1)
    flawed = written(ITEM, "The Po.", branch="high", flaw="wrong")
    assert len(collector.calls([ITEM], {})) == 3
    assert len(collector.calls([ITEM, flawed], {})) == 5, "the instruction as a text of its own is the same"
    assert len(collector.calls([ITEM, written(ITEM, ITEM.response)], {})) == 3


@pytest.mark.parametrize("signal", ["likelihood", "contrast", "read", "sampled"])
def test_a_pair_that_the_model_has_no_room_for_has_no_signal_but_that(signal: str) -> None:
    collector = Collector(SignalsConfig(use=(signal,), sampled=SAMPLED), MODEL, 1)  # type: ignore[arg-type]
    asked = collector.calls([ITEM], {})
    found = {call.key: answer(call, finish=OVER_CONTEXT) for call in asked}
    while more := [call for call in collector.calls([ITEM], found) if call.key not in found]:
        found |= {call.key: answer(call, finish=OVER_CONTEXT) for call in more}
    (row,) = collector.rows([ITEM], found)
    assert row.found() == {TOO_LONG: 1.0}


def led(own: float, *others: float) -> dict[str, float]:
    """What contrast makes of a response of log-probability `own`, against contradictions of these."""
    item = seed("How deep?", "It is 17 metres deep and it was never dry in 300 years, which is long.")
    calls = contrast.calls(item, len(others))
    assert calls[0].response == item.response
    assert len({call.response for call in calls}) == len(calls) == 1 + len(others)
    probabilities = zip(calls, (own, *others), strict=True)
    return contrast.values(calls, {c.key: answer(c, log_probs=(p - 1, 1.0)) for c, p in probabilities})


def test_a_response_leads_its_contradictions_or_not() -> None:
    assert led(-10, -12, -16) == {"contrast_least": 2, "contrast_mean": 4}
    assert led(-10, -7, -15)["contrast_least"] == -3


def test_the_same_response_is_held_against_the_same_contradictions_whatever_was_asked() -> None:
    text = "It is 17 metres deep and was never dry in 300 years."
    first, second = (contrast.calls(seed(asked, text), 2) for asked in ("How deep?", "Is it old?"))
    assert [call.response for call in first] == [call.response for call in second]
    assert {call.key for call in first}.isdisjoint(call.key for call in second)


def test_what_cannot_be_contradicted_is_taken_for_right() -> None:
    item = seed("Greet.", "Hello there, my friend!")
    (only,) = contrast.calls(item, 3)
    found = contrast.values([only], {only.key: answer(only, log_probs=(-1.0,))})
    assert set(found.values()) == {contrast.NOTHING_TO_CONTRADICT}


def test_the_response_itself_is_asked_for_once_by_both_signals() -> None:
    collector = Collector(SignalsConfig(use=("likelihood", "contrast"), contrasts=1), MODEL, 1)
    item = seed("How deep?", "It is 17 metres deep.")
    assert len(collector.calls([item], {})) == 4


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Clear and useful.\nScore: 7", 7),
        ("**Score:** 7/10", 7),
        ("score = 6.5", 6.5),
        ("I would give a score of 3... Score: 8", 8),
        ("Score: 10", 10),
        ("Score: 11", None),
        ("Score: 100", None),
        ("Seven points.", None),
        ("Score: N", None),
        ("", None),
    ],
)
def test_scores_in_rationales(text: str, score: float | None) -> None:
    assert sampled.parse(text) == score


def ask(answers: dict[str, Answer], config: SampledConfig = SAMPLED) -> list[Call]:
    return sampled.Samples(ITEM, config, load(), 1).calls(answers)


def test_an_answer_without_a_score_is_asked_again_with_another_seed() -> None:
    first = ask({})
    assert len(first) == 3
    one = answered(first, "Score: 4", "No idea.", "Score: 6")
    second = ask(one)
    assert second[:3] == first
    assert len(second) == 4
    assert len({call.seed for call in second}) == 4
    found = sampled.values(second, one | answered(second[3:], "Score: 8"))
    assert found == {
        "sampled": 6,
        "sampled_spread": pytest.approx(1.633, abs=1e-3),
        "sampled_parsed": 3,
        "sampled_asked": 4,
    }


def test_what_never_parses_is_no_number() -> None:
    answers: dict[str, Answer] = {}
    while new := [call for call in ask(answers) if call.key not in answers]:
        answers |= answered(new, *["No idea."] * len(new))
    assert len(answers) == SAMPLED.samples + SAMPLED.retries
    assert sampled.values(ask(answers), answers) == {"sampled_parsed": 0, "sampled_asked": 5}


def test_two_that_agree_are_enough_only_where_the_recipe_says_so() -> None:
    thrifty = SampledConfig(samples=3, retries=2, stop_when_two_agree=True)
    first = ask({}, thrifty)
    assert len(first) == 2
    assert ask(answered(first, "Score: 5", "Score: 5"), thrifty) == first
    assert len(ask(answered(first, "Score: 5", "Score: 6"), thrifty)) == 3


def test_the_digit_is_read_as_its_expectation_and_its_mass() -> None:
    (call,) = read.calls(ITEM, SignalsConfig(use=("read",)), load())
    probabilities = (0.0, 0, 0, 0.6, 0, 0, 0, 0.2, 0, 0)
    logs = tuple(math.log(p) if p else -math.inf for p in probabilities)
    found = read.values([call], {call.key: answer(call, log_probs=logs)})
    assert found == {"read_mass": pytest.approx(0.8), "read": pytest.approx(4 * 10 / 9)}
    nothing = read.values([call], {call.key: answer(call, log_probs=(-math.inf,) * 10)})
    assert nothing == {"read_mass": 0}, "no mass, no grade"


def test_principles_are_read_one_by_one_behind_what_all_share() -> None:
    calls = read.calls(ITEM, SignalsConfig(use=("read",), read="principles"), load())
    assert [call.row.partition("/read_")[2] for call in calls] == [p.id for p in load().principles]
    assert len({call.messages[0]["content"] for call in calls}) == 1


def test_the_reviewer_is_not_told_that_a_text_is_flawed_and_the_question_comes_last() -> None:
    collector = Collector(SignalsConfig(use=("read", "sampled")), MODEL, 1)
    fair, flawed = written(ITEM, "The Po."), written(ITEM, "The Po.", branch="high", flaw="wrong")
    one, other = ([c.messages for c in collector.calls([row], {})] for row in (fair, flawed))
    assert one == other
    assert one[0][-1]["content"].endswith("Answer with one digit.")


def test_a_text_cannot_know_its_own_marks() -> None:
    def mark(response: str) -> str:
        return asking.about(seed("Say yes.", response), "?").splitlines()[0]

    assert mark("Yes.") != mark("Yes!")
    assert mark(f"Yes. {mark('Yes.')}") != mark("Yes.")


def test_a_row_holds_all_signals_and_the_rationales() -> None:
    collector = Collector(SignalsConfig(use=("likelihood", "sampled"), sampled=SAMPLED), MODEL, 1)
    calls = collector.calls([ITEM], {})
    answers = {c.key: answer(c, "Good. Score: 9", log_probs=(-1.0, -1.0)) for c in calls}
    assert [c for c in collector.calls([ITEM], answers) if c.key not in answers] == []
    (row,) = collector.rows([ITEM], answers)
    assert row.found()["sampled"] == 9
    assert row.found()["response_mean"] == -1
    assert row.texts == ("Good. Score: 9",) * 3
    assert (row.item, row.reviewer, row.parents) == (ITEM.id, MODEL, (ITEM.id,))


def test_weights_are_nothing_that_the_model_reads() -> None:
    assert Collector(SignalsConfig(use=("likelihood",)), MODEL, 1).prompts == ()
    asked = Collector(SignalsConfig(use=("read", "likelihood")), MODEL, 1)
    assert "principles" not in asked.prompts
    assert asked.principles != Collector(SignalsConfig(use=("likelihood",)), MODEL, 1).principles


def test_what_was_said_before_is_part_of_what_a_response_answers() -> None:
    talk = Seed(history=("Is it cold?", "Yes, very."), instruction="And in July?", response="Then it is warm.")
    given, neutral, task = likelihood.calls(talk)
    assert [message["content"] for message in given.messages[1:]] == ["Is it cold?", "Yes, very.", "And in July?"]
    assert [len(call.messages) for call in (neutral, task)] == [2, 2]
    shown = asking.about(talk, "?")
    assert "User: Is it cold?\nAssistant: Yes, very.\n[End of earlier" in shown
    assert "earlier" not in asking.about(seed(), "?").lower()
    other = talk.model_copy(update={"history": ("Is it hot?", "No.")})
    assert {call.key for call in likelihood.calls(talk)} & {call.key for call in likelihood.calls(other)} == {
        neutral.key,
        task.key,
    }
