"""The client of an engine: everything a stage asks is in flight at once, and a likelihood ends where the turn does."""

import threading
from pathlib import Path
from typing import Any

import pytest

from tasks.engines.calls import Answer, Call, chat
from tasks.engines.client import TOO_LONG
from tasks.engines.journal import Journal
from tasks.store.rows import OVER_CONTEXT
from tests.support.listening import CHAT_ANSWER, USAGE, asking, listening

AT_ONCE = 4
END, LINE_BREAK = 1, 2


def test_all_requests_of_a_stage_are_in_flight_at_once_up_to_the_limit(tmp_path: Path) -> None:
    together, lock, there, most = threading.Barrier(AT_ONCE, timeout=20), threading.Lock(), [0], [0]

    def reply(_: str, __: Any) -> tuple[int, Any]:
        """Nobody is answered before AT_ONCE requests are there."""
        with lock:
            there[0] += 1
            most[0] = max(most[0], there[0])
        together.wait()
        with lock:
            there[0] -= 1
        return 200, CHAT_ANSWER

    calls = [Call(kind="write", row=f"row {i}", messages=chat(f"Say {i}.")) for i in range(3 * AT_ONCE)]
    with listening(reply) as url:
        client = asking(url, AT_ONCE)
        answers = client.ask(calls, Journal(tmp_path / "journal"), lambda _: None)
        client.close()
    assert [answer.call for answer in answers] == [call.key for call in calls]
    assert most == [AT_ONCE]


def likelihood(folder: Path, behind_a_turn: list[int]) -> Answer:
    """Of "Yes.", by an engine whose template writes these tokens behind each turn, letters being tokens.

    The log-probability of each token is its negative.
    """

    def reply(path: str, body: Any) -> tuple[int, Any]:
        if path == "/tokenize":
            tokens = [t for m in body["messages"] for t in [*map(ord, m["role"] + m["content"]), *behind_a_turn]]
            if body.get("continue_final_message"):
                tokens = tokens[: len(tokens) - len(behind_a_turn)]
            return 200, {"tokens": tokens + ([*map(ord, "assistant")] if body["add_generation_prompt"] else [])}
        table = [None, *({str(token): {"logprob": -float(token)}} for token in body["prompt"][1:])]
        choice = {"index": 0, "text": "x", "finish_reason": "length", "prompt_logprobs": table}
        return 200, CHAT_ANSWER | {"object": "text_completion", "choices": [choice], "usage": USAGE}

    with listening(reply) as url:
        client = asking(url, AT_ONCE)
        try:
            call = Call(kind="likelihood", row="row", messages=chat("Is it so?"), response="Yes.")
            (answer,) = client.ask([call], Journal(folder / "journal"), lambda _: None)
        finally:
            client.close()
    return answer


@pytest.mark.parametrize("behind_a_turn", [[END], [END, LINE_BREAK]])
def test_the_last_log_probability_is_that_of_the_end_of_the_turn(tmp_path: Path, behind_a_turn: list[int]) -> None:
    assert likelihood(tmp_path, behind_a_turn).log_probs == (*(-float(ord(letter)) for letter in "Yes."), -float(END))


def test_a_template_that_ends_no_turn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not say where an answer ends"):
        likelihood(tmp_path, [])


@pytest.mark.parametrize(("status", "error"), [(400, ValueError), (503, ConnectionError)])
def test_what_is_wrong_with_a_chat_is_said_and_a_failing_engine_is_another_matter(
    tmp_path: Path, status: int, error: type[Exception]
) -> None:
    with listening(lambda _, __: (status, {"message": "System role not supported"})) as url:
        client = asking(url, AT_ONCE)
        call = Call(kind="likelihood", row="row", messages=chat("Is it so?"), response="Yes.")
        with pytest.raises(error, match="System role not supported"):
            client.ask([call], Journal(tmp_path / "journal"), lambda _: None)
        client.close()


def test_a_request_that_is_too_long_has_no_answer_and_the_others_have_theirs(tmp_path: Path) -> None:
    def reply(_: str, body: Any) -> tuple[int, Any]:
        too_long = "LONG" in body["messages"][-1]["content"]
        return (400, {"error": {"message": TOO_LONG}}) if too_long else (200, CHAT_ANSWER)

    calls = [Call(kind="write", row=text, messages=chat(text)) for text in ("Say 1.", "LONG", "Say 2.")]
    with listening(reply) as url:
        client = asking(url, AT_ONCE)
        answers = client.ask(calls, Journal(tmp_path / "journal"), lambda _: None)
        client.close()
    assert [answer.finish == OVER_CONTEXT for answer in answers] == [False, True, False]


@pytest.mark.parametrize("health", [200, 503])
def test_an_engine_that_is_slow_is_waited_for_and_one_that_is_gone_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, health: int
) -> None:
    monkeypatch.setattr("tasks.engines.client.LOOK_EVERY_S", 0.1)
    looked, call = threading.Event(), Call(kind="write", row="row", messages=chat("Say it."))

    def reply(_: str, __: Any) -> tuple[int, Any]:
        looked.wait(1)
        return 200, CHAT_ANSWER

    with listening(reply, health) as url:
        client = asking(url, AT_ONCE)
        try:
            if health == 200:
                assert client.ask([call], Journal(tmp_path / "journal"), lambda _: None)
            else:
                with pytest.raises(ConnectionError, match="takes no more requests"):
                    client.ask([call], Journal(tmp_path / "journal"), lambda _: None)
        finally:
            looked.set()
            client.close()


def test_of_shards_at_once_the_first_is_over_before_the_last_of_the_second_is_asked(tmp_path: Path) -> None:
    """Together at their ends, they would leave the engine empty there."""
    asked, lock = list[str](), threading.Lock()

    def reply(_: str, body: Any) -> tuple[int, Any]:
        with lock:
            asked.append(body["messages"][-1]["content"])
        return 200, CHAT_ANSWER

    shards = [[Call(kind="write", row=f"{s} {i}", messages=chat(f"{s} {i}")) for i in range(40)] for s in "ab"]
    with listening(reply) as url:
        client = asking(url, AT_ONCE)
        threads = [
            threading.Thread(target=client.ask, args=(calls, Journal(tmp_path / calls[0].row[0]), lambda _: None))
            for calls in shards
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
    ends = sorted(max(i for i, text in enumerate(asked) if text[0] == which) for which in "ab")
    assert len(asked) == 80 and ends[1] - ends[0] > 30, asked
