"""What a training takes of a GPU, by the model's shape; where that does not tell, nothing is taken for granted."""

from types import SimpleNamespace
from typing import Any

import pytest

from tasks.train.jobs.fitting import FLASH, attention, kept_bytes, recomputes, weights_bytes, without_padding

GIVEN = {"cpu": False, "dtype": "bfloat16", "method": "sft", "reference": ""}


def shape(**of: Any) -> Any:
    found = SimpleNamespace(
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=28,
        num_attention_heads=28,
        num_key_value_heads=4,
        vocab_size=152064,
        **of,
    )
    found.get_text_config = lambda: found
    return found


def test_weights_are_those_of_a_known_model() -> None:
    """Qwen2.5-7B has 7.6 thousand million parameters; its second embedding, half a thousand million, is left out."""
    assert weights_bytes(shape(), 2) / 2e9 == pytest.approx(7.07, abs=0.05)


def test_what_is_kept_grows_with_tokens_and_halves_with_the_number() -> None:
    logits = 4 * 152064
    assert kept_bytes(shape(), 2000, 2) == 2 * kept_bytes(shape(), 1000, 2)
    assert kept_bytes(shape(), 1, 4) - logits == 2 * (kept_bytes(shape(), 1, 2) - logits)


@pytest.mark.parametrize("of", [{"num_experts": 128}, {"num_local_experts": 8}])
def test_where_the_shape_does_not_tell_activations_are_computed_again(of: dict[str, int]) -> None:
    assert recomputes(GIVEN, shape(**of), 1)
    unknown = shape()
    del unknown.intermediate_size
    assert recomputes(GIVEN, unknown, 1)


def test_what_a_person_says_goes_before() -> None:
    assert recomputes(GIVEN | {"cpu": True, "checkpointing": "always"}, shape(), 1)
    assert not recomputes(GIVEN | {"checkpointing": "never"}, shape(num_experts=8), 10**9)
    assert not recomputes(GIVEN | {"cpu": True}, shape(), 10**9)


def test_attention_is_eager_on_a_cpu_and_the_model_s_own_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert attention(GIVEN | {"cpu": True}) == "eager" and attention(GIVEN) is None
    assert without_padding(GIVEN) == {"padding_free": False}
    monkeypatch.setattr("tasks.train.jobs.fitting.find_spec", lambda _: object())
    assert attention(GIVEN) == FLASH and without_padding(GIVEN) == {"padding_free": True}
    assert without_padding(GIVEN | {"method": "dpo"}) == {"padding_free": False}
    assert attention(GIVEN | {"dtype": "float32"}) is None and attention(GIVEN | {"attention": "sdpa"}) == "sdpa"
