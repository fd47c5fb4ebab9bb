"""A call's key, which answers on disk are found by."""

from tasks.engines.calls import Call, chat


def test_a_setting_that_is_not_used_is_no_part_of_the_key() -> None:
    call = Call(kind="write", row="row 1", messages=chat("Say 1."))
    assert call.key == "9915171fff44228330164a82", "another key asks again what older homes have"
    assert call.model_copy(update={"min_p": 0.05}).key != call.key
