"""Evaluate: the same questions to every model, and one row for each item."""

import pytest

from tasks.engines.calls import Answer, Call
from tasks.evaluate import held_out as evaluate
from tasks.recipe.evaluation import EvaluateConfig
from tasks.store.rows import OVER_CONTEXT
from tests.support.rows import MODEL, answer, seed

CONFIG = EvaluateConfig(max_items=4, max_new_tokens=17)
SEEDS = [seed(f"Say {n}.", f"It is {n}, of course it is.") for n in range(6)]
KINDS = ["good", "mismatched", "truncated", "shuffled", "response"]


def test_items_are_as_many_as_allowed_and_in_no_order_of_the_file() -> None:
    items = evaluate.items(SEEDS, CONFIG)
    assert len({item.id for item in items}) == 4
    assert items == evaluate.items(SEEDS[::-1], CONFIG)
    assert len(evaluate.items(SEEDS[:3], CONFIG)) == 3


def test_each_item_is_measured_on_its_response_on_corruptions_and_on_what_the_model_says() -> None:
    calls = evaluate.calls(SEEDS, CONFIG)
    assert [call.row for call in calls] == [f"{item.id}/{kind}" for item in SEEDS for kind in KINDS]
    good, *corrupted, greedy = calls[:5]
    assert good.response == SEEDS[0].response
    assert len({call.response for call in (good, *corrupted)}) == 4
    assert [call.kind for call in calls[:5]] == ["likelihood"] * 4 + ["write"]
    assert (greedy.temperature, greedy.max_new_tokens, greedy.response) == (0, 17, "")
    assert calls == evaluate.calls(SEEDS, CONFIG)  # two models are compared on the same corruptions


def test_all_calls_of_an_item_have_the_same_prompt() -> None:
    calls = evaluate.calls(SEEDS, CONFIG)
    for n, item in enumerate(SEEDS):
        of_item = calls[n * 5 : n * 5 + 5]
        assert all(call.messages == of_item[0].messages for call in of_item)
        assert of_item[0].messages[-1] == {"role": "user", "content": item.instruction}


def answers(calls: list[Call]) -> list[Answer]:
    """Log-probabilities that differ by kind of text, and by item: -1 and -2 for the first good response, and so on."""
    found = []
    for n, call in enumerate(calls):
        kind = call.row.partition("/")[2]
        if kind == "response":
            found.append(answer(call, f"said {n // 5}", finish="length"))
        else:
            start = -1.0 - KINDS.index(kind) - n // 5
            found.append(answer(call, log_probs=(start, start - 1)))
    return found


def test_a_row_holds_means_per_token_and_the_corruptions_in_their_order() -> None:
    calls = evaluate.calls(SEEDS[:2], CONFIG)
    one, other = evaluate.measured(calls, answers(calls), MODEL)
    assert (one.item, one.model, one.parents) == (SEEDS[0].id, MODEL, (SEEDS[0].id,))
    assert one.log_likelihood == pytest.approx(-1.5)
    assert one.corruptions == ("mismatched", "truncated", "shuffled")
    assert one.corrupted_log_likelihoods == pytest.approx((-2.5, -3.5, -4.5))
    assert (one.response, one.finish) == ("said 0", "length")
    assert (other.item, other.response) == (SEEDS[1].id, "said 1")
    assert other.log_likelihood == pytest.approx(-2.5)


def test_a_response_in_another_language_than_the_items_is_noticed() -> None:
    english = "The river is long and wide, and it carries many ships down to the sea every day."
    german = "Der Fluss ist lang und breit, und er trägt jeden Tag viele Schiffe hinunter zum Meer."
    calls = evaluate.calls([seed("Describe the river.", english)], CONFIG)
    for said, expected in ((german, True), (english, False), ("Ja.", False)):
        found = [answer(call, said, log_probs=(-1.0,)) for call in calls]
        assert evaluate.measured(calls, found, MODEL)[0].off_language is expected


def test_an_item_that_cannot_be_corrupted_is_still_measured() -> None:
    lone = [seed("Yes or no?", "Yes.")]
    calls = evaluate.calls(lone, CONFIG)
    assert [call.row.partition("/")[2] for call in calls] == ["good", "response"]
    (row,) = evaluate.measured(calls, [answer(calls[0], log_probs=(-1.0,)), answer(calls[1], "No.")], MODEL)
    assert (row.corruptions, row.corrupted_log_likelihoods, row.log_likelihood) == ((), (), -1)


def test_what_the_model_has_no_room_for_is_left_out() -> None:
    """A long response of another seed makes a corruption too long; a long item is none for either model."""
    calls = evaluate.calls(SEEDS[:2], CONFIG)
    too_long = {f"{SEEDS[0].id}/mismatched", f"{SEEDS[1].id}/good"}
    found = [
        answer(call, finish=OVER_CONTEXT) if call.row in too_long else one
        for call, one in zip(calls, answers(calls), strict=True)
    ]
    (one,) = evaluate.measured(calls, found, MODEL)
    assert (one.item, one.corruptions) == (SEEDS[0].id, ("truncated", "shuffled"))
    assert one.corrupted_log_likelihoods == pytest.approx((-3.5, -4.5))


def test_answers_must_be_as_many_as_calls() -> None:
    calls = evaluate.calls(SEEDS[:1], CONFIG)
    with pytest.raises(ValueError, match="shorter"):
        evaluate.measured(calls, answers(calls)[:-1], MODEL)
