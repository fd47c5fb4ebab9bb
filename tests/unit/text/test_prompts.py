"""Prompts: strict about their variables, and with what all requests share in front."""

import re

import pytest

from tasks.text.prompts import templates as prompts

NAMES = sorted(path.stem for path in prompts.FOLDER.glob("*.j2"))
VALUES = {name: set(re.findall(r"{{ *(\w+) *}}", prompts.source(name))) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_template_renders_with_its_values_and_nothing_left_over(name: str) -> None:
    values = {variable: f"the {variable}, as given" for variable in VALUES[name]}
    text = prompts.render(name, **values)
    assert all(value in text for value in values.values())
    assert text == text.strip() != ""
    assert "{" not in text


@pytest.mark.parametrize("given", [{"instruction"}, {"instruction", "flaw", "score"}, {"instruction", "reply"}, set()])
def test_an_unknown_or_a_missing_variable_is_refused_with_both_lists(given: set[str]) -> None:
    with pytest.raises(ValueError, match=r"^prompt flawed: ") as caught:
        prompts.render("flawed", **dict.fromkeys(given, "x"))
    assert str(caught.value).endswith(f"variables ['flaw', 'instruction'], found {sorted(given)}")


def test_a_text_that_looks_like_a_template_stays_a_text() -> None:
    text = prompts.render("flawed", instruction="{{ flaw }} & <b>{% raw %}</b>", flaw="x")
    assert "{{ flaw }} & <b>{% raw %}</b>" in text


def test_the_source_is_what_is_rendered() -> None:
    assert prompts.source("read").strip() == prompts.render("read")
    assert len({prompts.source(name) for name in NAMES}) == len(NAMES)
