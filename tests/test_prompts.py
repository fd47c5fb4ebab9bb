"""Prompts: strict about their variables, and with what all requests share in front."""

import re

import pytest

from tasks import prompts

NAMES = sorted(path.stem for path in prompts.FOLDER.glob("*.j2"))
VALUES = {name: set(re.findall(r"{{ *(\w+) *}}", prompts.source(name))) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_template_renders_with_its_values_and_nothing_left_over(name: str) -> None:
    values = {variable: f"the {variable}, as given" for variable in VALUES[name]}
    text = prompts.render(name, **values)
    assert all(text.count(value) == 1 for value in values.values())
    assert text == text.strip() != ""
    assert "{" not in text


@pytest.mark.parametrize(
    "given", [{"instruction"}, {"instruction", "response", "score"}, {"instruction", "reply"}, set()]
)
def test_an_unknown_or_a_missing_variable_is_refused_with_both_lists(given: set[str]) -> None:
    with pytest.raises(ValueError, match=r"^prompt review: ") as caught:
        prompts.render("review", **dict.fromkeys(given, "x"))
    assert str(caught.value).endswith(f"variables ['instruction', 'response'], found {sorted(given)}")


def test_a_text_that_looks_like_a_template_stays_a_text() -> None:
    text = prompts.render("review", instruction="{{ response }} & <b>{% raw %}</b>", response="x")
    assert "{{ response }} & <b>{% raw %}</b>" in text


def test_what_differs_between_reviews_comes_last() -> None:
    """A prefix cache holds what requests share up to the first difference."""
    assert VALUES["constitution"] == set()
    assert prompts.source("review").startswith("[Instruction]\n{{ instruction }}")


def test_the_source_is_what_is_rendered() -> None:
    assert prompts.source("constitution").strip() == prompts.render("constitution")
    assert len({prompts.source(name) for name in NAMES}) == len(NAMES)
