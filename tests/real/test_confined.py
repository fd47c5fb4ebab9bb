"""Checks that run what somebody wrote: whatever it does, there is a verdict or a reason why there is none."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.engines.processes import sandbox
from tasks.store.home import ROOT
from tasks.verify.checks.base import Finding, take
from tasks.verify.confined import SECONDS, findings

pytestmark = pytest.mark.skipif(
    subprocess.run([*sandbox.UNSHARE, "true"], capture_output=True, check=False).returncode != 0,
    reason="this system allows no namespaces, so what somebody wrote is not run here",
)
MINE = "tests.support.checks_of_a_user"


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where `tests` can be imported from


def own(name: str, text: str = "It is a fine day.", **arguments: Any) -> Finding:
    (found,) = findings([("own_function", text, {"function": f"{MINE}:{name}", "arguments": arguments})])
    return found


def test_a_function_of_ones_own_says_what_it_found() -> None:
    assert own("rhymes") == Finding(outcome="pass", reason="the last word is day")
    assert own("rhymes", word="sun").outcome == "fail"
    assert own("unsure").outcome == "cannot tell"
    assert own("prints").outcome == "pass", "what it prints is no answer"
    assert own("says_half_a_character") == Finding(outcome="pass", reason="?")


def test_a_module_is_found_where_one_stands_and_its_package_is_run_in_the_sandbox_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import socket\ntry:\n    socket.socket()\nexcept OSError:\n    alone = True\n"
    )
    (package / "checks.py").write_text("from mine import alone\ndef good(text):\n    return alone, 'found'\n")
    monkeypatch.chdir(tmp_path)
    asked = {"function": "mine.checks:good"}
    take("own_function", asked)
    assert "mine" not in sys.modules
    assert findings([("own_function", "x", asked)]) == [Finding(outcome="pass", reason="found")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("number", "returned 7, expected True, False or None"),
        ("fails", "raised KeyError: 'nothing there'"),
        ("wrong_arguments", "raised ValueError: expected a word, found none"),
        ("reads_a_number", f"{MINE}:reads_a_number raised ValueError: invalid literal for int()"),
        ("fails_without_words", "raised Silent: it cannot say what, for ValueError"),
        ("fails_with_half_a_character", "raised Exception: ?"),
        ("is_a_model", "raised ValidationError: 2 validation errors"),
        ("says_too_much", "raised ValueError: too many values to unpack"),
        ("leaves", "ended by itself without a verdict"),
        ("loops", f"it took longer than {SECONDS:g} s"),
        ("works_for_ever", f"it took longer than {SECONDS:g} s"),
        ("forks", "os.fork is not allowed in a check"),
        ("forks_by_ctypes", "processes"),
        ("eats_memory", "wanted more than 1024 MiB"),
        ("eats_memory_in_children", "was ended: it"),
        ("writes", "a check may read its code and nothing else"),
        ("reads", "a check may read its code and nothing else, and not /etc/passwd"),
        ("connects", "socket.__new__ is not allowed in a check"),
        ("starts_a_program", "is not allowed in a check"),
        ("says_much", "its answer is longer than 64 KiB"),
        ("not_there", "has no attribute 'not_there'"),
    ],
)
def test_what_is_no_check_cannot_tell_and_says_why(name: str, reason: str) -> None:
    found = own(name)
    assert found.outcome == "cannot tell"
    assert reason in found.reason


def test_one_that_hangs_costs_the_others_nothing() -> None:
    asked = [("own_function", "x", {"function": f"{MINE}:{name}"}) for name in ("loops", "rhymes", "forks_by_ctypes")]
    started = time.monotonic()
    found = findings([*asked, ("passes_tests", "def f(): return 1", {"tests": "assert f() == 1"})])
    assert [one.outcome for one in found] == ["cannot tell", "fail", "cannot tell", "pass"]
    assert time.monotonic() - started < 2 * SECONDS + 30


CASES = yaml.safe_load((ROOT / "tests/unit/verify/cases/programs.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_a_text_is_judged_as_a_person_would(name: str) -> None:
    said = [
        (text, case["arguments"], outcome)
        for case in CASES[name]
        for outcome in ("pass", "fail", "cannot tell")
        for text in case.get(outcome, ())
    ]
    found = findings([(name, text, arguments) for text, arguments, _ in said])
    wrong = [(text, one) for (text, _, outcome), one in zip(said, found, strict=True) if one.outcome != outcome]
    assert not wrong


@pytest.mark.parametrize(
    ("text", "tests", "reason"),
    [
        ("def double(n): return n", "assert double(2) == 4", "AssertionError: a test does not hold"),
        ("def double(n): return n", "assert triple(2) == 6", "NameError: name 'triple' is not defined"),
        ("def double(n)\n  return", "assert double(2) == 4", "SyntaxError"),
        ("def double(n):\n  while True: pass", "assert double(2) == 4", "longer than"),
        ("import sys; sys.exit(0)", "assert f()", "raised SystemExit"),
        ("import os; os._exit(0)", "assert f()", "without a verdict"),
        ("raise Exception('\\ud800')", "assert f()", "Exception: ?"),
        ("class A(Exception):\n  def __str__(self): raise ValueError\nraise A", "assert f()", "A: it cannot say what"),
        ("def f(): return True", "def test(): assert f()", "the tests hold without any code"),
        ("def f(): return True", "import no_such\nassert f()", "the tests cannot begin: ModuleNotFoundError"),
        ("x = open('/etc/passwd').read()", "assert f()", "may read its code and nothing else"),
        ("```text\nhm\n```", "assert f()", "none of Python"),
        ("So:\ndef f(): return True", "assert f()", "code may begin or end elsewhere: SyntaxError"),
    ],
)
def test_the_reason_says_what_went_wrong(text: str, tests: str, reason: str) -> None:
    (found,) = findings([("passes_tests", text, {"tests": tests})])
    assert reason in found.reason


def test_an_answer_that_is_no_mathematics_is_refused() -> None:
    with pytest.raises(ValueError, match="same_mathematics: expected an answer that is mathematics, found 'a lot'"):
        findings([("same_mathematics", "1", {"answer": "a lot"})])
